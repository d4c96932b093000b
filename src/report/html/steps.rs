//! Steps of a case as sentences, in both languages.
//!
//! It relies on the case as expanded, and says what was written there: values keep the names that the case gives them.

use serde_json::Value;

use crate::case::script::{Act, Checks, Deed, Kind, Pattern, Patterns, Repeat, See, Sight, Step};
use crate::report::lang::{Lang, Text};

/// Who does it (nobody, where the case itself looks at something), and what.
pub(super) fn sentence(step: &Step) -> (String, Text) {
    let who = match &step.kind {
        Kind::Act(act) => act.actor.clone(),
        _ => String::new(),
    };
    (who, Text::say(|lang| said(&step.kind, lang)))
}

/// Steps that stand within this one in the suite; what a verb does is its own affair.
pub(super) fn within(step: &Step) -> &[Step] {
    match &step.kind {
        Kind::Together(steps) => steps,
        Kind::Repeat(repeat) => &repeat.steps,
        _ => &[],
    }
}

fn said(kind: &Kind, lang: Lang) -> String {
    match kind {
        Kind::Together(_) => lang.pick("At the same time:", "同时:").to_owned(),
        Kind::Repeat(repeat) => repeated(repeat, lang),
        Kind::Check(Checks { pairs, .. }) => {
            format!("{} {}", lang.pick("Checks that", "检查"), conditions(pairs))
        }
        Kind::Needs(pairs) => {
            format!("{} {}", lang.pick("Goes on only if", "仅在此情形下继续:"), conditions(pairs))
        }
        Kind::Observe { point, .. } => {
            lang.pick(format!("Observes the point `{point}`"), format!("观察未定点 `{point}`"))
        }
        Kind::Act(act) => {
            let done = deed(act, lang);
            match &act.bind {
                Some(name) => lang.pick(format!("{done}, as `{name}`"), format!("{done},记为 `{name}`")),
                None => done,
            }
        }
    }
}

fn repeated(repeat: &Repeat, lang: Lang) -> String {
    if let Some(times) = &repeat.times {
        let times = inline(times);
        return lang.pick(format!("{times} times:"), format!("重复 {times} 次:"));
    }
    if let Some(over) = &repeat.over {
        let (name, over) = (repeat.name.as_deref().unwrap_or("it"), inline(over));
        return lang.pick(format!("For each `{name}` of {over}:"), format!("对 {over} 中的每个 `{name}`:"));
    }
    let lasts = repeat.lasts.as_deref().unwrap_or_default();
    lang.pick(format!("For {lasts}, again and again:"), format!("在 {lasts} 内反复:"))
}

fn deed(act: &Act, lang: Lang) -> String {
    let with = |en: &str, zh: &str, value: &Value| {
        let value = if value.as_object().is_some_and(serde_json::Map::is_empty) {
            String::new()
        } else {
            inline(value)
        };
        format!("{} {value}", lang.pick(en, zh)).trim_end().to_owned()
    };
    match &act.deed {
        Deed::Call { params, .. } => {
            let given: Vec<String> = params
                .iter()
                .filter(|p| p.given)
                .map(|p| format!("{}: {}", p.name, inline(&p.value)))
                .collect();
            let verb = &act.verb;
            if given.is_empty() { format!("`{verb}`") } else { format!("`{verb}` ({})", given.join(", ")) }
        }
        Deed::See(see) => seen(see, lang),
        Deed::Open(value) => with("opens a connection", "打开连接", value),
        Deed::Frame(value) => with("sends the frame", "发送帧", value),
        Deed::Bytes(value) => with("sends octets as they are", "按原样发送字节", value),
        Deed::Wire(value) => with("from now on lays out what it sends so:", "此后的发送方式:", value),
        Deed::Ws(value) => with("sends beneath STOMP", "在 WebSocket 层发送", value),
        Deed::Http(value) => with("makes the HTTP request", "发出 HTTP 请求", value),
        Deed::Spawn(value) => with("is started", "启动", value),
        Deed::Answer(value) => with("answers the request", "应答请求", value),
        Deed::Do(value) => with("is told to", "收到命令", value),
        Deed::Cut(value) => with("cuts the connection:", "切断连接:", value),
        Deed::Become(value) => with("becomes", "进入状态", value),
        Deed::Settle(_) => {
            let en = "waits until what was done before has been carried out";
            lang.pick(en, "等待此前的操作全部生效").to_owned()
        }
        Deed::Gone(value) => with("waits until the subscription is gone:", "等待订阅失效:", value),
        Deed::Watch { lasts, nothing, gap } => watched(lasts, nothing.as_ref(), gap.as_deref(), lang),
    }
}

fn watched(lasts: &str, nothing: Option<&Pattern>, gap: Option<&str>, lang: Lang) -> String {
    let mut out = lang.pick(format!("watches for {lasts}"), format!("观察 {lasts}"));
    if let Some(pattern) = nothing {
        let like = event(pattern, lang);
        out.push_str(
            &lang.pick(format!(", in which nothing comes like {like}"), format!(",其间不应出现{like}")),
        );
    }
    if let Some(gap) = gap {
        let en = format!(", in which no silence is longer than {gap}");
        out.push_str(&lang.pick(en, format!(",其间静默不超过 {gap}")));
    }
    out
}

fn seen(see: &See, lang: Lang) -> String {
    match see {
        See::One(pattern) => format!("{} {}", lang.pick("expects", "期望"), event(pattern, lang)),
        See::InOrder(all) => {
            format!("{} {}", lang.pick("expects, in this order,", "依次期望"), events(all, lang))
        }
        See::AnyOrder(all) => {
            let all = events(all, lang);
            lang.pick(format!("expects, in any order, {all}"), format!("期望(不限顺序){all}"))
        }
        See::Exactly(all) => {
            let all = events(all, lang);
            let en = format!("expects exactly {all}, and nothing else of this case");
            lang.pick(en, format!("只期望 {all},本用例再无其他"))
        }
        See::Nothing(pattern) => {
            format!("{} {}", lang.pick("expects nothing like", "不应收到"), event(pattern, lang))
        }
        See::Every(pattern) => {
            let like = event(pattern, lang);
            lang.pick(
                format!("takes every {like} until no more comes"),
                format!("收取每个 {like},直到不再有"),
            )
        }
        See::OneOf(all) => {
            let one = |(name, patterns): &(String, Vec<Pattern>)| {
                let list: Vec<String> = patterns.iter().map(|p| event(p, lang)).collect();
                format!("{name}: {}", list.join(lang.pick(", then ", ",然后 ")))
            };
            let all: Vec<String> = all.iter().map(one).collect();
            format!("{} {}", lang.pick("expects one of", "期望以下之一:"), all.join("; "))
        }
    }
}

fn events(patterns: &Patterns, lang: Lang) -> String {
    match patterns {
        Patterns::Each(all) => all.iter().map(|p| event(p, lang)).collect::<Vec<_>>().join(", "),
        Patterns::Of(sight, list) => {
            let name = &sight.name;
            lang.pick(format!("`{name}` of each of {list}"), format!("{list} 中每一项的 `{name}`"))
        }
    }
}

fn event(pattern: &Pattern, lang: Lang) -> String {
    let like = |en: &str, zh: &str, value: &Value| {
        let word = lang.pick(en, zh);
        match value {
            Value::Object(members) if members.is_empty() => word.to_owned(),
            Value::Null => word.to_owned(),
            value => format!("{word} {}", inline(value)),
        }
    };
    match pattern {
        Pattern::Opened => lang.pick("the upgrade", "升级成功").to_owned(),
        Pattern::Closed(value) => like("the end of the connection", "连接关闭", value),
        Pattern::Beat => lang.pick("a heart-beat", "心跳").to_owned(),
        Pattern::Frame(value) => like("a frame", "帧", value),
        Pattern::Http(value) => like("an HTTP response", "HTTP 响应", value),
        Pattern::Request(value) => like("an HTTP request", "HTTP 请求", value),
        Pattern::Told(value) => like("something told by the client", "客户端报告", value),
        Pattern::Exited(value) => like("the end of the client", "客户端退出", value),
        Pattern::Ws(value) => like("a WebSocket frame", "WebSocket 帧", value),
        Pattern::Malformed(value) => like("a breach of format", "格式违规", value),
        Pattern::Sight(sight) => sighted(sight, lang),
    }
}

fn sighted(sight: &Sight, lang: Lang) -> String {
    let name = &sight.name;
    match &sight.it {
        Some(it) => {
            let it = inline(it);
            lang.pick(format!("`{name}` of {it}"), format!("{it} 的 `{name}`"))
        }
        None => format!("`{name}`"),
    }
}

fn conditions(pairs: &[(String, Value)]) -> String {
    let one = |(what, like): &(String, Value)| match like.get("is") {
        Some(is) => format!("{what} {}", operators(is)),
        None => format!("{what} = {}", inline(like)),
    };
    pairs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A value as it would be written in a suite, in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.len() == 1 && members.contains_key("is") => {
            operators(&members["is"])
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name}: {}", inline(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// What stands under `is`: a word, or operators.
fn operators(is: &Value) -> String {
    match is {
        Value::Object(all) => {
            let one = |(name, value): (&String, &Value)| format!("{name} {}", inline(value));
            all.iter().map(one).collect::<Vec<_>>().join(" and ")
        }
        word => inline(word),
    }
}

/// Whether text needs no quotes to be taken for one value.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "$/._-()«»+*=%".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::case::library::Library;

    #[test]
    fn values_are_written_as_in_a_suite() {
        let value = json!({ "a": { "is": { "at-least": 2, "not": "x y" } }, "b": { "is": "absent" } });
        assert_eq!(inline(&value), r#"{ a: at-least 2 and not "x y", b: absent }"#);
        assert_eq!(
            inline(&json!({ "a": [1, "x y", "$bob.user"], "b": null })),
            r#"{ a: [1, "x y", $bob.user], b: null }"#
        );
    }

    #[test]
    fn every_step_of_every_case_is_a_sentence() {
        let library = Library::embedded();
        let steps = library.scripts.iter().flat_map(|case| case.given.iter().chain(&case.steps));
        for step in steps {
            let (who, text) = sentence(step);
            assert!(!text.en.trim().is_empty() && !text.zh.trim().is_empty(), "{}", step.place);
            assert_eq!(who.is_empty(), !matches!(&step.kind, Kind::Act(_)), "{}: {}", step.place, text.en);
        }
    }
}
