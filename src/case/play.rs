//! What the fuzzer does in a dialect, as data (docs/language.md 8): deeds of users against a model of who must receive what, and what
//! others must not notice of somebody who sends what she should not.
//!
//! It relies on [`Reader`]. It knows no application and draws nothing: which deeds are done, and what becomes of them, is decided where
//! scenarios are made. A placeholder `<name>` that nothing fills is an error here, before anything is run.

use serde_json::Value;

use super::diagnostic::Span;
use super::reader::{Reader, Text};
use super::tree::{Key, Node, Tree};

/// A section `fuzz` of a dialect.
#[derive(Debug, Clone, Default)]
pub struct Play {
    /// Patterns of the clauses that it bears on: defects that break one of them are to be found.
    pub about: Vec<String>,
    /// Users who do things.
    pub sessions: Option<Sessions>,
    /// Somebody who sends what she should not, among others.
    pub unruly: Option<Unruly>,
}

/// Users who do things, and a model of what must become of it.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// The case in which they do it: every key but `id` and `steps`.
    pub case: Node,
    /// What there is at the beginning, by kind.
    pub things: Vec<(String, Vec<String>)>,
    /// What holds at the beginning; `<kind>` stands for each thing of a kind.
    pub begin: Vec<Fact>,
    /// What can be done.
    pub deeds: Vec<Deed>,
    /// What is judged at the end.
    pub audit: Vec<Part>,
}

/// Something that can be done.
#[derive(Debug, Clone)]
pub struct Deed {
    /// Its name.
    pub name: String,
    /// How often it is drawn, beside the others.
    pub weight: u32,
    /// The placeholder and the kind of a thing that comes into being by it.
    pub makes: Option<(String, String)>,
    /// What is done.
    pub part: Part,
    /// What follows for everything of which something holds.
    pub each: Vec<Part>,
}

/// Steps for what is chosen so that something holds.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Values that points must have, pinned or by default; else it is left out.
    pub needs: Vec<(String, Value)>,
    /// Placeholders and the kinds of things that they stand for; the kind `text` is drawn by chance.
    pub with: Vec<(String, String)>,
    /// What must hold.
    pub when: Vec<Fact>,
    /// Steps of a case.
    pub steps: Vec<Node>,
    /// What holds afterwards.
    pub then: Vec<Fact>,
}

/// Something that holds or does not: `online <me>`, `not joined * <group>`; `differ <a> <b>` is about the words themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Whether it is denied.
    pub not: bool,
    /// The words; `*` stands for any.
    pub words: Vec<String>,
}

/// Somebody who sends what she should not, while others talk to each other.
#[derive(Debug, Clone)]
pub struct Unruly {
    /// The case in which it happens: every key but `id` and `steps`.
    pub case: Node,
    /// Who sends it, and from which state.
    pub from: (String, String),
    /// How the others send a message in between, as `<m>`: with a `<body>`, and `<headers>` where the dialect has any.
    pub send: Vec<Node>,
    /// What is done to see that the connection is served, or has ended.
    pub served: Vec<Node>,
    /// What is judged at the end; an item `<sent>` stands for all that was sent in between.
    pub audit: Vec<Node>,
    /// What is checked at the end for the message of this number, where it had headers.
    pub check: Vec<Node>,
    /// Bodies that are right, of which others are made.
    pub forms: Vec<Form>,
    /// How a `<body>` is sent to a destination `<to>`.
    pub submit: Vec<Node>,
    /// What must reach nobody, each a step of its own, with a `<body>`.
    pub intrusions: Vec<Node>,
    /// What the others may do without harm, with some `<text>` and a number of its own.
    pub harmless: Vec<Part>,
    /// Clauses of rules that a server does not break by passing on what she says.
    pub hers: Vec<Text>,
}

/// A body that is right.
#[derive(Debug, Clone)]
pub struct Form {
    /// The destination.
    pub to: String,
    /// Its members; texts may hold references, and `<whom>` is who it is for.
    pub json: Vec<(String, Value)>,
    /// Members without which it is wrong, or with a value that is no text; and texts that are right, where not all are.
    pub needs: Vec<(String, Option<Vec<String>>)>,
    /// Who it is for, if it may be right; and if it is wrong for sure, so that nobody must receive it.
    pub whom: Option<(String, String)>,
}

/// The kind that is drawn by chance.
pub const TEXT: &str = "text";

/// Reads a section `fuzz`.
pub(super) fn play(reader: &mut Reader<'_>, node: &Node) -> Play {
    let fields = reader.fields(node, "`fuzz`", &["about", "sessions", "unruly"]);
    let about = fields.get("about").map_or(Vec::new(), |n| reader.texts(n, "a pattern"));
    Play {
        about: about.into_iter().map(|t| t.value).collect(),
        sessions: fields.get("sessions").and_then(|n| sessions(reader, n)),
        unruly: fields.get("unruly").and_then(|n| unruly(reader, n)),
    }
}

fn sessions(reader: &mut Reader<'_>, node: &Node) -> Option<Sessions> {
    let fields = reader.fields(node, "`sessions`", &["case!", "things!", "begin", "deeds!", "audit"]);
    let mut things = Vec::new();
    for (kind, names) in reader.entries(fields.get("things")?, "`things`") {
        let names = reader.texts(names, "a thing").into_iter().map(|t| t.value).collect();
        things.push((kind.name.clone(), names));
    }
    let mut kinds: Vec<String> = things.iter().map(|(kind, _)| kind.clone()).collect();
    let begin = fields.get("begin").map_or(Vec::new(), |n| facts(reader, n, &kinds));
    let entries = reader.entries(fields.get("deeds")?, "`deeds`");
    for (_, node) in entries {
        let made = node.get("makes").and_then(Node::map).unwrap_or_default();
        kinds.extend(made.iter().filter_map(|(_, kind)| kind.text()).map(str::to_owned));
    }
    let deeds = entries.iter().map(|(name, node)| deed(reader, name, node, &kinds)).collect();
    let audit = fields.get("audit").map_or(Vec::new(), |n| parts(reader, n, &kinds, &[]));
    Some(Sessions { case: case(reader, fields.get("case")?)?, things, begin, deeds, audit })
}

fn unruly(reader: &mut Reader<'_>, node: &Node) -> Option<Unruly> {
    let keys = [
        "case!",
        "from!",
        "send!",
        "served!",
        "audit!",
        "check",
        "forms",
        "submit",
        "intrusions",
        "harmless",
        "hers",
    ];
    let fields = reader.fields(node, "`unruly`", &keys);
    let from = pair(reader, fields.get("from")?, "`from`")?;
    let mut forms = Vec::new();
    for node in fields.get("forms").map_or(&[][..], |n| reader.items(n, "`forms`")) {
        forms.extend(form(reader, node));
    }
    let own = ["text", "nth"].map(str::to_owned);
    let harmless = fields.get("harmless").map_or(Vec::new(), |n| parts(reader, n, &[], &own));
    let hers = fields.get("hers").map_or(Vec::new(), |n| reader.texts(n, "a requirement"));
    let mut list = |key: &str, known: &[&str]| {
        let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
        let steps = fields.get(key).map_or(&[][..], |n| reader.items(n, "a list of steps"));
        steps.iter().for_each(|step| filled(reader, step, &known));
        steps.to_vec()
    };
    Some(Unruly {
        send: list("send", &["m", "body", "headers"]),
        served: list("served", &["from"]),
        audit: list("audit", &["sent"]),
        check: list("check", &["nth", "headers"]),
        submit: list("submit", &["from", "to", "body"]),
        intrusions: list("intrusions", &["from", "body"]),
        harmless,
        hers,
        case: case(reader, fields.get("case")?)?,
        from,
        forms,
    })
}

fn form(reader: &mut Reader<'_>, node: &Node) -> Option<Form> {
    let fields = reader.fields(node, "a form", &["to!", "json!", "needs", "whom"]);
    let json = reader.entries(fields.get("json")?, "`json`");
    let mut needs = Vec::new();
    for (key, node) in fields.get("needs").map_or(&[][..], |n| reader.entries(n, "`needs`")) {
        if !json.iter().any(|(member, _)| member.name == key.name) {
            reader.unknown("member", &key.name, key.at, json.iter().map(|(member, _)| member.name.as_str()));
        }
        let texts = match node.text() {
            Some(TEXT) => None,
            _ => Some(reader.texts(node, "a text that is right").into_iter().map(|t| t.value).collect()),
        };
        needs.push((key.name.clone(), texts));
    }
    let whom = fields.get("whom").map_or(Vec::new(), |n| reader.texts(n, "a name"));
    let whom = match &whom[..] {
        [] => None,
        [right, wrong] => Some((right.value.clone(), wrong.value.clone())),
        _ => {
            reader.error(node.at, "`whom` names two: who may receive it, and who must not");
            None
        }
    };
    Some(Form {
        to: reader.text(fields.get("to")?, "a destination")?.value,
        json: json.iter().map(|(key, node)| (key.name.clone(), node.value())).collect(),
        needs,
        whom,
    })
}

/// What stands around the steps: the keys of a case, which are checked as such when scenarios are made.
fn case(reader: &mut Reader<'_>, node: &Node) -> Option<Node> {
    for (key, _) in reader.entries(node, "`case`") {
        if ["id", "steps"].contains(&key.name.as_str()) {
            reader.error(key.at, format!("`{}` is made by the fuzzer", key.name));
        }
    }
    node.map().map(|_| node.clone())
}

fn deed(reader: &mut Reader<'_>, name: &Key, node: &Node, kinds: &[String]) -> Deed {
    let keys = ["weight", "needs", "with", "makes", "when", "steps", "each", "then"];
    reader.fields(node, "a deed", &keys);
    let makes = node.get("makes").and_then(|n| pair(reader, n, "`makes`"));
    let made: Vec<String> = makes.iter().map(|(placeholder, _)| placeholder.clone()).collect();
    let part = part(reader, node, kinds, &made);
    let known: Vec<String> = made.iter().chain(part.with.iter().map(|(name, _)| name)).cloned().collect();
    Deed {
        name: name.name.clone(),
        weight: node.get("weight").map_or(1, |n| weight(reader, n)),
        makes,
        part,
        each: node.get("each").map_or(Vec::new(), |n| parts(reader, n, kinds, &known)),
    }
}

fn weight(reader: &mut Reader<'_>, node: &Node) -> u32 {
    match node.tree {
        Tree::Int(weight @ 1..=1000) => weight as u32,
        _ => {
            reader.error(node.at, "a weight is a number from 1 to 1000");
            1
        }
    }
}

/// A map of one entry, both of it text.
fn pair(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<(String, String)> {
    match reader.entries(node, what) {
        [(key, value)] => Some((key.name.clone(), reader.text(value, what)?.value)),
        _ => {
            reader.error(node.at, format!("{what} is a map of one entry"));
            None
        }
    }
}

fn parts(reader: &mut Reader<'_>, node: &Node, kinds: &[String], known: &[String]) -> Vec<Part> {
    let items = reader.items(node, "a list of parts");
    let one = |reader: &mut Reader<'_>, node: &Node| {
        reader.fields(node, "a part", &["needs", "with", "when", "steps", "then"]);
        part(reader, node, kinds, known)
    };
    items.iter().map(|node| one(reader, node)).collect()
}

fn part(reader: &mut Reader<'_>, node: &Node, kinds: &[String], known: &[String]) -> Part {
    let mut with = Vec::new();
    for (name, kind) in node.get("with").map_or(&[][..], |n| reader.entries(n, "`with`")) {
        let Some(Text { value, at }) = reader.text(kind, "a kind") else { continue };
        if value != TEXT && !kinds.contains(&value) {
            reader.unknown("kind of thing", &value, at, kinds.iter().map(String::as_str));
        }
        with.push((name.name.clone(), value));
    }
    let known: Vec<String> = known.iter().chain(with.iter().map(|(name, _)| name)).cloned().collect();
    let mut about = |key: &str| node.get(key).map_or(Vec::new(), |n| facts(reader, n, &known));
    let (when, then) = (about("when"), about("then"));
    let steps = node.get("steps").map_or(&[][..], |n| reader.items(n, "a list of steps"));
    steps.iter().for_each(|step| filled(reader, step, &known));
    let needs = node.get("needs").map_or(&[][..], |n| reader.entries(n, "`needs`"));
    let needs = needs.iter().map(|(key, node)| (key.name.clone(), node.value())).collect();
    Part { needs, with, when, steps: steps.to_vec(), then }
}

fn facts(reader: &mut Reader<'_>, node: &Node, known: &[String]) -> Vec<Fact> {
    let texts = reader.texts(node, "a fact");
    for text in &texts {
        check(reader, &text.value, text.at, known);
    }
    texts.iter().map(|text| Fact::of(&text.value)).collect()
}

impl Fact {
    fn of(text: &str) -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        match text.trim().strip_prefix("not ") {
            Some(rest) => Fact { not: true, words: words(rest) },
            None => Fact { not: false, words: words(text) },
        }
    }
}

/// Every placeholder within these steps must be known.
fn filled(reader: &mut Reader<'_>, step: &Node, known: &[String]) {
    let mut texts: Vec<(&str, Span)> = Vec::new();
    step.walk(&mut |node| {
        texts.extend(node.text().map(|text| (text, node.at)));
        texts.extend(node.map().unwrap_or_default().iter().map(|(key, _)| (key.name.as_str(), key.at)));
    });
    for (text, at) in texts {
        check(reader, text, at, known);
    }
}

fn check(reader: &mut Reader<'_>, text: &str, at: Span, known: &[String]) {
    for name in placeholders(text).filter(|name| !known.iter().any(|k| k == name)) {
        reader.unknown("placeholder", name, at, known.iter().map(String::as_str));
    }
}

/// The names in `<…>`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let word = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    text.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(name, _)| name)).filter(word)
}

/// Fills in what placeholders stand for.
pub fn fill(text: &str, with: &dyn Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split('<');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('>').and_then(|(name, rest)| Some((with(name)?, rest))) {
            Some((value, rest)) => out.extend([value.as_str(), rest]),
            None => out.extend(["<", part]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Source;
    use super::super::tree::load;
    use super::*;

    fn read(text: &str) -> (Play, Vec<String>) {
        let source = Source::new("t.yaml", text);
        let node = load(&source).unwrap();
        let mut reader = Reader::new(&source);
        let play = play(&mut reader, &node);
        (play, reader.found.iter().map(|d| format!("{}:{} {}", d.at.line, d.at.column, d.what)).collect())
    }

    #[test]
    fn what_nothing_fills_is_told_with_its_place() {
        let text = "sessions:
  case: { title: x, steps: [] }
  things: { user: [ a ] }
  begin: [ here <users> ]
  deeds:
    go:
      weight: 0
      with: { me: person, t: text }
      when: [ here <you> ]
      steps: [ <me>: { send: <t>, to: <them> } ]
      each: [ { with: { who: user }, steps: [ <who>: { see: <m> } ] } ]
";
        assert_eq!(
            read(text).1,
            [
                "4:12 unknown placeholder `users`",
                "8:19 unknown kind of thing `person`",
                "9:15 unknown placeholder `you`",
                "10:39 unknown placeholder `them`",
                "7:15 a weight is a number from 1 to 1000",
                "11:61 unknown placeholder `m`",
                "2:21 `steps` is made by the fuzzer",
            ]
        );
    }

    #[test]
    fn facts_and_placeholders_are_taken_apart() {
        let fact = Fact::of("not joined * <group>");
        assert!(fact.not && fact.words == ["joined", "*", "<group>"]);
        let with = |name: &str| (name == "me").then(|| "alice".to_owned());
        assert_eq!(fill("$<me>.id < <you> <me", &with), "$alice.id < <you> <me");
    }
}
