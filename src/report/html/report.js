// The report's behaviour: filters that the address holds, stories drawn when they are asked for.
(function () {
  "use strict";
  var byId = function (id) { return document.getElementById(id); };
  var all = function (where, what) { return Array.prototype.slice.call(where.querySelectorAll(what)); };
  var words = JSON.parse(byId("phrases").textContent);

  // --- Making elements. Everything that anybody said becomes text, never markup.
  function make(tag, props, children) {
    var element = document.createElement(tag);
    Object.keys(props || {}).forEach(function (name) {
      if (name === "class") { element.className = props[name]; } else { element.setAttribute(name, props[name]); }
    });
    (children || []).forEach(function (child) {
      if (child !== null && child !== undefined && child !== "") {
        element.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
      }
    });
    return element;
  }
  function both(en, zh) {
    return make("span", {}, [make("span", { lang: "en" }, coded(en)), make("span", { lang: "zh-Hans" }, coded(zh))]);
  }
  // `like this` becomes code.
  function coded(text) {
    return text.split("`").map(function (part, at) { return at % 2 ? make("code", {}, [part]) : part; });
  }
  function t(en) { return both(en, words[en] || en); }

  // --- What cannot be seen is shown as what it is.
  var NAMES = { "\0": "NUL", "\n": "LF", "\r": "CR", "\t": "TAB" };
  var HIDDEN = /[\0-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/g;
  function shown(c) { return "\\u{" + c.charCodeAt(0).toString(16) + "}"; }
  function visible(text) { return text.replace(HIDDEN, function (c) { return NAMES[c] ? "\u27e8" + NAMES[c] + "\u27e9" : shown(c); }); }
  // The same for a body, whose lines stay lines.
  function readable(text) { return text.replace(HIDDEN, function (c) { return c === "\n" ? c : visible(c); }); }
  function octets(text) {
    var pre = make("pre"), from = 0;
    text.replace(HIDDEN, function (c, at) {
      pre.appendChild(document.createTextNode(text.slice(from, at)));
      pre.appendChild(make("span", { class: "ctl" }, [NAMES[c] || shown(c)]));
      if (c === "\n") { pre.appendChild(document.createTextNode("\n")); }
      from = at + 1;
    });
    pre.appendChild(document.createTextNode(text.slice(from)));
    return pre;
  }
  // As the plain writing has it: where the wire had anything else, the page holds it.
  function plain(row) {
    var command = row.s.split(" ")[0], bare = /^(CONNECT|CONNECTED|STOMP)$/.test(command);
    function escape(text) {
      return bare ? text : text.replace(/[\\\n\r:]/g, function (c) { return { "\\": "\\\\", "\n": "\\n", "\r": "\\r", ":": "\\c" }[c]; });
    }
    var heads = (row.h || []).map(function (h) { return escape(h[0]) + ":" + escape(h[1]) + "\n"; });
    return command + "\n" + heads.join("") + "\n" + (row.b || "") + "\0";
  }

  // --- A case's story.
  function ms(us) { return (us / 1000).toFixed(1) + " ms"; }
  function steps(story) {
    return make("ol", { class: "steps" }, story.steps.map(function (step) {
      var word = { held: "✓ ", broken: "✗ ", done: "", "not reached": "" }[step.state];
      return make("li", { class: step.state.replace(" ", "-") }, [
        make("small", {}, [step.n]),
        make("b", { class: "who" }, [visible(step.who)]),
        make("span", { class: step.depth ? "say sub" : "say" }, [both(visible(step.say.en), visible(step.say.zh)), " ", make("small", {}, [visible(step.place)])]),
        make("span", { class: "state " + step.state.replace(" ", "-") }, [word, t(step.state)])
      ]);
    }));
  }
  function frame(row) {
    var box = make("div", { class: "frame" }), text = make("div"), raw = null;
    (row.h || []).forEach(function (h) {
      text.appendChild(make("div", {}, [make("code", { class: "name" }, [visible(h[0]) + ": "]), make("code", {}, [visible(h[1])])]));
    });
    text.appendChild(row.b ? make("pre", {}, [pretty(row.b)]) : make("small", {}, [t("no body")]));
    box.appendChild(text);
    if (row.f) {
      var button = make("button", { type: "button", "aria-pressed": "false" }, [t("Octets")]);
      button.addEventListener("click", function () {
        raw = raw || box.appendChild(octets(row.w === undefined ? plain(row) : row.w));
        var on = button.getAttribute("aria-pressed") === "false";
        button.setAttribute("aria-pressed", String(on));
        raw.hidden = !on;
        text.hidden = on;
      });
      box.insertBefore(button, text);
    }
    return box;
  }
  function pretty(body) {
    try {
      var json = JSON.parse(body);
      if (json !== null && typeof json === "object") { return readable(JSON.stringify(json, null, 2)); }
    } catch (notJson) { /* It is shown as it came. */ }
    return readable(body);
  }
  function event(row, story, near) {
    var n = story.lanes.length, from = row.lane + 2, wire = row.k === "out" || row.k === "in";
    var label = make("span", { class: "label" }, [
      make("b", {}, [visible(row.on || "")]), wire ? (row.k === "out" ? " → " : " ← ") : row.k === "end" ? " × " : " ", visible(row.s)
    ]);
    var cells = [make("time", {}, [ms(row.t)]), label];
    if (wire) {
      cells.push(make("span", { class: "arrow", style: "grid-column: " + from + " / " + (n + 3) + "; --k: " + (n + 1 - row.lane), "aria-hidden": "true" }));
    }
    var item = make("li", { class: row.k + (near ? " near" : "") });
    if (row.h || row.b || row.w !== undefined || row.f) {
      var button = make("button", { type: "button", "aria-expanded": "false" }, [make("span", { class: "grid" }, cells)]);
      var box = null;
      button.addEventListener("click", function () {
        var open = button.getAttribute("aria-expanded") === "false";
        button.setAttribute("aria-expanded", String(open));
        box = box || item.appendChild(frame(row));
        box.hidden = !open;
      });
      item.appendChild(button);
    } else {
      item.appendChild(make("div", { class: "grid" }, cells));
    }
    if (near) { label.appendChild(make("small", {}, [" ◂ ", t("came nearest")])); }
    return item;
  }
  function sequence(story) {
    var n = story.lanes.length, list = make("ol"), at = 0;
    // What has no number was written by an older program: it stands at the end.
    var number = function (mark) { return mark.i === undefined ? Infinity : mark.i; };
    var marks = story.marks.slice().sort(function (a, b) { return number(a) - number(b); });
    var starts = story.steps.filter(function (s) { return s.i !== undefined && !s.depth; });
    var nearest = {};
    marks.forEach(function (mark) { if (mark.near !== undefined) { nearest[mark.near] = true; } });
    // Steps that began and checks that broke before this event.
    function before(event) {
      while (marks.length || starts.length) {
        if (starts.length && starts[0].i < event && (!marks.length || starts[0].i <= number(marks[0]))) {
          list.appendChild(start(starts.shift()));
        } else if (marks.length && (number(marks[0]) < event || event === Infinity)) {
          list.appendChild(broke(marks.shift()));
        } else { return; }
      }
    }
    story.rows.forEach(function (row) {
      before(row.i);
      if (story.left_out && at === 100) {
        list.appendChild(make("li", { class: "gap" }, ["… " + story.left_out + " ", t("lines are left out here; run.json has them")]));
      }
      list.appendChild(event(row, story, nearest[row.i]));
      at += 1;
    });
    before(Infinity);
    if (!story.rows.length) { return make("p", {}, [t("Nothing was put on the wire.")]); }
    var heads = [make("span")].concat(story.lanes.map(function (lane) { return make("span", {}, [visible(lane)]); }), [make("span", {}, [t(story.lanes.indexOf("client") < 0 ? "server" : "the client")])]);
    var lives = story.lanes.concat([""]).map(function (_, i) { return make("i", { style: "grid-column: " + (i + 2) }); });
    return make("div", { class: "seq", style: "--n: " + (n + 1), tabindex: "0", role: "region", "aria-label": "Sequence" }, [
      make("div", { class: "inner" }, [make("div", { class: "grid heads" }, heads), make("div", { class: "lives", "aria-hidden": "true" }, lives), list])
    ]);
  }
  function start(step) {
    return make("li", { class: "step" }, [make("small", {}, [step.n + " "]), make("b", {}, [visible(step.who)]), " ", both(visible(step.say.en), visible(step.say.zh))]);
  }
  function broke(mark) {
    return make("li", { class: "broke" }, [
      make("b", { class: "bad" }, ["✗ " + visible(mark.clause)]), mark.on ? " " + visible(mark.on) : null,
      make("div", {}, [t("expected"), ": ", visible(mark.expected)]), make("div", {}, [t("came"), ": ", visible(mark.got)])
    ]);
  }
  function draw(host) {
    var data = byId("story-" + host.dataset.story);
    if (!data || host.dataset.drawn) { return; }
    host.dataset.drawn = "1";
    var story = JSON.parse(data.textContent);
    host.appendChild(make("h4", {}, [t("Step by step")]));
    if (story.cast.length) { host.appendChild(make("p", {}, [make("small", {}, [t("Cast"), ": " + visible(story.cast.join(", "))])])); }
    host.appendChild(steps(story));
    host.appendChild(make("h4", {}, [t("Sequence")]));
    host.appendChild(sequence(story));
  }
  document.addEventListener("toggle", function (toggled) {
    if (toggled.target.open) { all(toggled.target, ":scope > [data-story]").forEach(draw); }
  }, true);

  // --- The list of cases, and what the address says of it: #?verdict=fail&suite=stomp/send&req=STOMP12-SEND-01&q=words
  var fields = { verdict: byId("verdict"), suite: byId("suite"), q: byId("words") };
  var requirement = "", rows = all(document, "#rows > tbody > tr");
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  function filter() {
    var wanted = fields.q.value.toLowerCase().split(/\s+/).filter(Boolean), count = 0;
    rows.forEach(function (row, at) {
      var fits = (!fields.verdict.value || row.dataset.verdict === fields.verdict.value) &&
        (!fields.suite.value || row.dataset.suite === fields.suite.value) &&
        (!requirement || row.dataset.req.split(" ").indexOf(requirement) >= 0) &&
        wanted.every(function (word) { return texts[at].indexOf(word) >= 0; });
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    byId("shown").textContent = count + " / " + rows.length;
    byId("about").hidden = !requirement;
    byId("about-id").textContent = requirement;
  }
  function remember() {
    var state = new URLSearchParams();
    Object.keys(fields).forEach(function (name) { if (fields[name].value) { state.set(name, fields[name].value); } });
    if (requirement) { state.set("req", requirement); }
    var text = state.toString();
    history.replaceState(null, "", text ? "#?" + text : location.pathname + location.search);
    filter();
  }
  Object.keys(fields).forEach(function (name) { fields[name].addEventListener("input", remember); });
  byId("all").addEventListener("click", function () { requirement = ""; remember(); });

  function reveal(element) {
    for (var up = element; up; up = up.parentElement) { if (up.tagName === "DETAILS") { up.open = true; } }
    element.hidden = false;
    all(element, "details.story").slice(0, 1).forEach(function (details) { details.open = true; });
    element.scrollIntoView();
    // What was not laid out yet has its size now.
    requestAnimationFrame(function () { element.scrollIntoView(); });
  }
  // #?… is a filter, #case=stomp/send/x a case, anything else an id.
  function follow() {
    var hash = decodeURIComponent(location.hash.slice(1));
    if (hash.charAt(0) === "?") {
      var state = new URLSearchParams(hash.slice(1));
      Object.keys(fields).forEach(function (name) { fields[name].value = state.get(name) || ""; });
      requirement = state.get("req") || "";
      filter();
      byId("cases").scrollIntoView();
      return;
    }
    var wanted = hash.slice(0, 5) === "case=" ? hash.slice(5) : null;
    var there = wanted === null ? hash && byId(hash)
      : all(document, "[data-case]").filter(function (e) { return e.dataset.case === wanted; })[0];
    if (there) { reveal(there); }
  }
  addEventListener("hashchange", follow);

  // --- Things to be copied.
  all(document, "button.copy").forEach(function (button) {
    button.addEventListener("click", function () {
      var text = button.parentElement.querySelector("code").textContent;
      navigator.clipboard.writeText(text).then(function () { button.replaceChildren(t("Copied")); }, function () { getSelection().selectAllChildren(button.parentElement.querySelector("code")); });
    });
  });
  filter();
  follow();
})();
