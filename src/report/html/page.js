// What all our pages that speak two languages do: they show one, and change it when told to.
(function () {
  "use strict";
  var root = document.documentElement, button = document.getElementById("language");
  function speak(lang) {
    root.dataset.lang = root.lang = lang;
    Array.prototype.forEach.call(document.querySelectorAll("[data-en]"), function (element) {
      var text = lang === "en" ? element.dataset.en : element.dataset.zh;
      if (element.tagName === "OPTION") { element.textContent = text; } else { element.setAttribute("aria-label", text); }
      if (element.tagName === "INPUT") { element.placeholder = text; }
    });
  }
  button.addEventListener("click", function () { speak(root.lang === "en" ? "zh-Hans" : "en"); });
  speak(root.dataset.lang);
})();
