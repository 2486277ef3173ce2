//! A platform's reasons as one sentence, in English and in Chinese. The two are written side by side, so that neither is
//! forgotten.

use super::{Candidate, Reason, Unknown};
use crate::domain::{
    feature::{FeatureValue, WordList},
    term::Test,
};

/// The languages there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Chinese, as written in mainland China.
    ZhCn,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::ZhCn];

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }

    fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::ZhCn => zh,
        }
    }
}

/// Why the platform is where it is.
#[cfg(test)]
pub fn sentence(candidate: &Candidate<'_>, language: Language) -> String {
    let mut text = String::new();
    write_sentence(&mut text, candidate, language, |text, reason| *text += &clause(reason, language));
    text
}

/// Writes why the platform is where it is, with the clauses of its reasons as `write_clause` writes them.
pub fn write_sentence<'a>(
    text: &mut String,
    candidate: &Candidate<'a>,
    language: Language,
    mut write_clause: impl FnMut(&mut String, &Reason<'a>),
) {
    *text += candidate.platform.name();
    *text += match candidate.reasons.first() {
        Some(Reason::Chosen) => language.pick(" is chosen", "：已选择"),
        _ if candidate.eligible => language.pick(" could go on", "：可以继续办理"),
        _ => language.pick(" can't go on", "：不能继续办理"),
    };
    let mut separator = language.pick(": ", "，");
    for reason in candidate.reasons.iter().filter(|reason| **reason != Reason::Chosen) {
        *text += separator;
        separator = language.pick("; ", "；");
        write_clause(text, reason);
    }
    if candidate.has_account {
        *text += separator;
        *text += language.pick("the customer has an account there", "客户在该平台已有账户");
    }
    *text += language.pick(".", "。");
}

/// One reason, as a part of a sentence.
pub fn clause(reason: &Reason<'_>, language: Language) -> String {
    let pick = |en: &str, zh: &str| language.pick(en, zh).to_owned();
    match reason {
        Reason::Chosen => pick("it is the best", "最合适"),
        Reason::IsSource => pick("the customer is there already", "客户正在该平台上"),
        Reason::Disabled => pick("operations disabled it", "已被运营停用"),
        Reason::AdapterDown => pick("its adapter is down", "平台接口当前不可用"),
        Reason::NotServedByAgent => pick("the agent does not serve it", "该坐席不服务此平台"),
        Reason::NotRequested => pick("another platform was asked for", "已指定其他平台"),
        Reason::FeatureMissing { feature, needed } => both(
            language,
            format_args!("it lacks {feature} (needed {needed})"),
            format_args!("缺少功能 {feature}（要求{}）", Chinese(needed)),
        ),
        Reason::FeatureMismatch { feature, needed, found } => both(
            language,
            format_args!("its {feature} is {found} (needed {needed})"),
            format_args!("功能 {feature} 为{}（要求{}）", ChineseValue(found), Chinese(needed)),
        ),
        Reason::OutOfHours => pick("it is closed now", "当前不在服务时间"),
        Reason::NoCommonFace => pick(
            "no code can be shown on the source and entered there",
            "没有当前平台能展示且该平台能输入的接入码",
        ),
        Reason::AccountRequired => {
            pick("nothing can be done there without an account", "没有账户无法在该平台办理")
        }
        Reason::AccountUnknown(why) => unknown(*why, language).to_owned(),
        Reason::NoAccount => pick("the customer has no account there", "客户在该平台没有账户"),
        Reason::PreferenceMet { feature, wished, weight } => both(
            language,
            format_args!("{feature} is as wished ({wished}, +{weight})"),
            format_args!("功能 {feature} 符合期望（{}，+{weight}）", Chinese(wished)),
        ),
        Reason::Loaded { percent, takes } => both(
            language,
            format_args!("it is {percent}% full (-{takes})"),
            format_args!("负载 {percent}%（-{takes}）"),
        ),
    }
}

fn unknown(why: Unknown, language: Language) -> &'static str {
    match why {
        Unknown::NotAsked => {
            language.pick("its own directory of accounts was not asked", "未查询该平台自有的账户目录")
        }
        Unknown::Down => language.pick(
            "whether the customer has an account there is not known, as its directory is down",
            "该平台的账户目录不可用，不知道客户是否有账户",
        ),
        Unknown::Late => language.pick(
            "whether the customer has an account there is not known, as its directory did not answer in time",
            "该平台的账户目录未及时回答，不知道客户是否有账户",
        ),
        Unknown::Failed => language.pick(
            "whether the customer has an account there is not known, as its directory failed",
            "查询该平台的账户目录失败，不知道客户是否有账户",
        ),
        Unknown::Nonsense => language.pick(
            "whether the customer has an account there is not known, as its directory answered nonsense",
            "该平台的账户目录回答无效，不知道客户是否有账户",
        ),
    }
}

fn both(language: Language, en: std::fmt::Arguments<'_>, zh: std::fmt::Arguments<'_>) -> String {
    match language {
        Language::En => en.to_string(),
        Language::ZhCn => zh.to_string(),
    }
}

/// A test in Chinese; in English it has its own `Display`.
struct Chinese<'a>(&'a Test);

impl std::fmt::Display for Chinese<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Test::Exists => f.write_str("具备"),
            Test::NotExists => f.write_str("不具备"),
            Test::In(words) => write!(f, "属于 {}", WordList(words)),
            Test::NotIn(words) => write!(f, "不属于 {}", WordList(words)),
            Test::Equals { word, .. } => write!(f, "等于 {word}"),
            Test::AtLeast(least) => write!(f, "不小于 {least}"),
            Test::AtMost(most) => write!(f, "不大于 {most}"),
        }
    }
}

struct ChineseValue<'a>(&'a FeatureValue);

impl std::fmt::Display for ChineseValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self.0 == FeatureValue::default() { f.write_str("具备") } else { write!(f, " {} ", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{feature::Number, platform::Platform, selection::cases::platform};

    fn candidate<'a>(platform: &'a Platform, reasons: Vec<Reason<'a>>) -> Candidate<'a> {
        let eligible = !reasons.iter().any(Reason::excludes);
        let has_account = !reasons.contains(&Reason::NoAccount);
        Candidate { platform, eligible, has_account, score: 0, reasons }
    }

    #[test]
    fn sentences_in_both_languages() {
        let app = Platform { display_name: "保险管家 App".to_owned(), ..platform("app", &[]) };
        let least = Test::AtLeast(Number::parse("10").unwrap());
        let found = FeatureValue { number: Number::parse("5"), ..FeatureValue::default() };
        let chosen = candidate(
            &app,
            vec![
                Reason::Chosen,
                Reason::PreferenceMet { feature: "signature", wished: &Test::Exists, weight: 30 },
            ],
        );
        assert_eq!(
            sentence(&chosen, Language::En),
            "保险管家 App is chosen: signature is as wished (to exist, +30); the customer has an account there."
        );
        assert_eq!(
            sentence(&chosen, Language::ZhCn),
            "保险管家 App：已选择，功能 signature 符合期望（具备，+30）；客户在该平台已有账户。"
        );
        let web = platform("web", &[]);
        let out = candidate(
            &web,
            vec![
                Reason::FeatureMissing { feature: "camera", needed: &Test::Exists },
                Reason::FeatureMismatch { feature: "mb", needed: &least, found: &found },
                Reason::NoAccount,
            ],
        );
        assert_eq!(
            sentence(&out, Language::En),
            "web can't go on: it lacks camera (needed to exist); its mb is 5 (needed >= 10); the customer has no account there."
        );
        assert_eq!(
            sentence(&out, Language::ZhCn),
            "web：不能继续办理，缺少功能 camera（要求具备）；功能 mb 为 5 （要求不小于 10）；客户在该平台没有账户。"
        );
    }

    #[test]
    fn every_reason_has_a_clause_of_its_own() {
        let (test, value) = (Test::NotExists, FeatureValue::default());
        let reasons = [
            Reason::IsSource,
            Reason::Disabled,
            Reason::AdapterDown,
            Reason::NotServedByAgent,
            Reason::NotRequested,
            Reason::FeatureMissing { feature: "x", needed: &test },
            Reason::FeatureMismatch { feature: "x", needed: &test, found: &value },
            Reason::OutOfHours,
            Reason::NoCommonFace,
            Reason::AccountRequired,
            Reason::AccountUnknown(Unknown::NotAsked),
            Reason::AccountUnknown(Unknown::Down),
            Reason::AccountUnknown(Unknown::Late),
            Reason::AccountUnknown(Unknown::Failed),
            Reason::AccountUnknown(Unknown::Nonsense),
            Reason::NoAccount,
            Reason::PreferenceMet { feature: "x", wished: &test, weight: 1 },
            Reason::Loaded { percent: 80, takes: 8 },
        ];
        for language in Language::ALL {
            let mut clauses: Vec<_> = reasons.iter().map(|reason| clause(reason, language)).collect();
            clauses.sort();
            clauses.dedup();
            assert_eq!(clauses.len(), reasons.len(), "{clauses:?}");
        }
    }
}
