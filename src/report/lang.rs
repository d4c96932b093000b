//! The two languages of reports: English, and Simplified Chinese, in which the protocol's own documents are written.
//!
//! It relies on nothing. It translates what we say ourselves; titles of cases, clauses and what a target said stay as
//! they are written.

use serde::Serialize;

/// A language of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// The language of a POSIX locale, `zh_CN.UTF-8`: Chinese, or else English.
    pub fn of_locale(locale: &str) -> Lang {
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("zh") { Lang::Zh } else { Lang::En }
    }

    /// The code in HTML.
    pub(super) fn code(self) -> &'static str {
        self.pick("en", "zh-Hans")
    }

    /// The same for a phrase that has become a text.
    pub(super) fn said(self, en: &str) -> &str {
        self.pick(en, translated(en).unwrap_or(en))
    }

    /// One of two.
    pub(super) fn pick<T>(self, en: T, zh: T) -> T {
        match self {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// A word or phrase of ours, by its English; one that is not in the table stays English.
    pub(super) fn word(self, en: &'static str) -> &'static str {
        self.pick(en, translated(en).unwrap_or(en))
    }
}

/// Something that is said in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    pub(super) en: String,
    pub(super) zh: String,
}

impl Text {
    /// What is said in this one.
    pub(super) fn of(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }

    /// Says it once in each.
    pub(super) fn say(say: impl Fn(Lang) -> String) -> Self {
        Text { en: say(Lang::En), zh: say(Lang::Zh) }
    }
}

/// The Chinese of a phrase.
pub(super) fn translated(en: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == en).map(|(_, zh)| *zh)
}

/// English and Chinese.
pub(super) const WORDS: &[(&str, &str)] = &[
    // Verdicts and states.
    ("pass", "通过"),
    ("fail", "失败"),
    ("warn", "警告"),
    ("observed", "已观察"),
    ("n/a", "不适用"),
    ("known", "已知"),
    ("fixed", "已修复"),
    ("error", "无结论"),
    ("violated", "违反"),
    ("conforming", "符合"),
    ("not judged", "未判定"),
    ("not covered", "未覆盖"),
    // Counts of the last line.
    ("passed", "通过"),
    ("failed", "失败"),
    ("with warnings", "有警告"),
    ("without a verdict", "无结论"),
    ("s", "秒"),
    ("virtual seconds", "虚拟秒"),
    (
        "Nothing was judged: every selected case is n/a, for the reasons above. That is no verdict (exit 3).",
        "没有作出任何判定:所选用例均不适用,原因见上。这不是结论(退出码 3)。",
    ),
    (
        "The run was stopped before its end: this is what had been judged.",
        "运行被提前终止:以下是终止前已判定的内容。",
    ),
    ("Slowest", "最慢的用例"),
    // Fields of a failure.
    ("clause", "条款"),
    ("expected", "预期"),
    ("came", "实际"),
    ("where", "位置"),
    ("note", "说明"),
    ("reason", "原因"),
    ("catches", "针对"),
    ("wire", "报文"),
    ("rerun", "重跑"),
    (
        "a premise of the case broke; what the case itself is about was not judged",
        "用例的前提未成立;用例本身要检验的内容未作判定",
    ),
    // The page.
    ("Target", "被测对象"),
    ("Profile", "配置"),
    ("Started", "开始时间"),
    ("Took", "耗时"),
    ("Seed", "随机种子"),
    ("Reached with", "连接方式"),
    ("Program", "程序"),
    ("Run it again", "重新运行"),
    ("What broke", "失败内容"),
    ("Known failures", "已知失败"),
    ("Suites", "测试套件"),
    ("Suite", "套件"),
    ("About", "内容"),
    ("Cases", "用例"),
    ("Case", "用例"),
    ("All cases", "全部用例"),
    ("Requirements", "要求"),
    ("Requirement", "要求"),
    ("State", "状态"),
    ("Level", "级别"),
    ("What it says", "内容"),
    ("Checks", "检查"),
    ("Points left open, and what this target does", "规范未定之处,以及被测对象的做法"),
    ("Point", "未定点"),
    ("Observed", "观察到"),
    ("Pinned by the profile", "配置中的声明"),
    ("differs", "不一致"),
    ("not in this run", "本次未观察"),
    ("Clause", "条款"),
    ("Expected", "预期"),
    ("Came instead", "实际"),
    ("Reason", "原因"),
    ("Where", "位置"),
    ("Catches", "针对的缺陷"),
    ("Verdict", "结论"),
    ("Part", "部分"),
    ("on", "连接"),
    ("At, ms", "时刻(毫秒)"),
    ("Connection", "连接"),
    ("round", "轮次"),
    (
        "A premise of the case broke: what the case itself is about was not judged.",
        "用例的前提未成立:用例本身要检验的内容未作判定。",
    ),
    ("The same in the case of", "以下情形相同"),
    ("more that broke in the same way", "个用例以同样方式失败"),
    ("broken in", "失败于"),
    ("On the wire, up to there", "到此为止的报文"),
    ("Steps and frames", "步骤与报文"),
    ("Step by step", "逐步说明"),
    ("Sequence", "时序图"),
    ("Why cases were not applicable", "用例不适用的原因"),
    (
        "A requirement conforms when at least one check of this run judged it and none broke it; premises of other cases count as well. Checks are those that held, and in red those that broke.",
        "本次运行中至少有一项检查判定过、且没有检查失败的要求即为符合;其他用例的前提也计算在内。检查数为成立的检查,红色为失败的检查。",
    ),
    ("that the profile lists, each with its reason", "个列于配置中的失败,均附原因"),
    ("that this run did not cover", "项本次未覆盖"),
    ("cases that only observe", "个仅作观察的用例"),
    ("Filter: words, ids, requirements", "筛选:文字、用例编号、要求"),
    ("every verdict", "全部结论"),
    ("every suite", "全部套件"),
    ("Only this verdict", "仅此结论"),
    ("Only this suite", "仅此套件"),
    ("Filter the cases by words, ids or requirements", "按文字、编号或要求筛选用例"),
    ("cases", "个用例"),
    ("of", "/"),
    ("Only cases about", "仅限有关的用例:"),
    ("show all", "显示全部"),
    ("Link to this case", "此用例的链接"),
    ("Copy", "复制"),
    ("Copied", "已复制"),
    ("Contents", "目录"),
    ("Language", "语言"),
    // Runs beside one another.
    ("Worse", "变差"),
    ("Mended", "已改善"),
    ("Newly judged", "新判定"),
    ("No longer judged", "不再判定"),
    ("Otherwise", "其他变化"),
    ("The same", "不变"),
    ("Requirements that stand differently", "状态不同的要求"),
    ("Only those that stand differently", "仅显示状态不同的"),
    ("Run", "运行"),
    ("Says", "结论"),
    ("Why, in the last run", "最后一次运行中的原因"),
    ("Changes are those from the first run to the last.", "变化指从第一次运行到最后一次运行。"),
    ("From the first to the last:", "从第一个到最后一个:"),
    ("(from the first to the last)", "(从第一个到最后一个)"),
    // The story of a case.
    ("Cast", "参与者"),
    ("server", "服务器"),
    ("the client", "客户端"),
    ("held", "成立"),
    ("broken", "失败"),
    ("done", "已执行"),
    ("not reached", "未执行"),
    ("expected here", "此处预期"),
    ("came nearest", "最接近的事件"),
    ("Octets", "原始字节"),
    ("no body", "无消息体"),
    ("lines are left out here; run.json has them", "行在此省略;run.json 中有全部内容"),
    ("Nothing was put on the wire.", "没有任何报文。"),
    ("The transcript could not be read", "无法读取记录"),
    ("breaches of the rule", "处违反规则"),
    ("of which the first are shown", "仅显示前若干处"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_names_a_language() {
        for (locale, lang) in [
            ("zh_CN.UTF-8", Lang::Zh),
            ("zh-Hans", Lang::Zh),
            ("ZH", Lang::Zh),
            ("en_GB.UTF-8", Lang::En),
            ("C.UTF-8", Lang::En),
            ("zha_CN", Lang::En),
            ("", Lang::En),
        ] {
            assert_eq!(Lang::of_locale(locale), lang, "{locale}");
        }
    }

    #[test]
    fn no_phrase_stands_twice() {
        let mut known = std::collections::BTreeSet::new();
        for (en, zh) in WORDS {
            assert!(known.insert(en), "{en}");
            assert!(!zh.is_empty());
        }
        for verdict in crate::judge::Verdict::ALL {
            assert!(translated(verdict.word()).is_some(), "{}", verdict.word());
        }
        for state in crate::report::standing::STATES {
            assert!(translated(state).is_some(), "{state}");
        }
    }
}
