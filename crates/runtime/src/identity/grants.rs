//! The file of identities: which subject is what.

use std::{collections::HashMap, sync::Arc};

use segue_core::CallerId;
use serde::Deserialize;

/// What a caller may be. A caller can be several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads everything, but for codes and the audit log.
    Operator,
    /// All of the roles that administer, the operator and the auditor.
    Admin,
    /// Keeps platforms, features and work profiles: what decides where customers and codes go.
    PlatformAdmin,
    /// Keeps the account directory.
    AccountAdmin,
    /// Keeps agents, and the contacts that wait.
    RoutingAdmin,
    /// Ends handoffs.
    HandoffAdmin,
    /// Reads the audit log.
    Auditor,
    /// The server behind some agents; acts for these.
    Desk,
    /// A customer-service platform, or several; acts for these.
    Platform,
    /// code-issuer.
    Issuer,
    /// platform-selector.
    Selector,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Operator,
        Self::Admin,
        Self::PlatformAdmin,
        Self::AccountAdmin,
        Self::RoutingAdmin,
        Self::HandoffAdmin,
        Self::Auditor,
        Self::Desk,
        Self::Platform,
        Self::Issuer,
        Self::Selector,
    ];
    /// Those that administer something.
    const ADMINISTER: [Self; 4] =
        [Self::PlatformAdmin, Self::AccountAdmin, Self::RoutingAdmin, Self::HandoffAdmin];

    /// The roles that this one stands for.
    pub const fn includes(self) -> &'static [Self] {
        match self {
            Self::Admin => &[
                Self::Admin,
                Self::Operator,
                Self::PlatformAdmin,
                Self::AccountAdmin,
                Self::RoutingAdmin,
                Self::HandoffAdmin,
                Self::Auditor,
            ],
            Self::Operator => &[Self::Operator],
            Self::PlatformAdmin => &[Self::PlatformAdmin],
            Self::AccountAdmin => &[Self::AccountAdmin],
            Self::RoutingAdmin => &[Self::RoutingAdmin],
            Self::HandoffAdmin => &[Self::HandoffAdmin],
            Self::Auditor => &[Self::Auditor],
            Self::Desk => &[Self::Desk],
            Self::Platform => &[Self::Platform],
            Self::Issuer => &[Self::Issuer],
            Self::Selector => &[Self::Selector],
        }
    }

    /// As the file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::PlatformAdmin => "platform-admin",
            Self::AccountAdmin => "account-admin",
            Self::RoutingAdmin => "routing-admin",
            Self::HandoffAdmin => "handoff-admin",
            Self::Auditor => "auditor",
            Self::Desk => "desk",
            Self::Platform => "platform",
            Self::Issuer => "issuer",
            Self::Selector => "selector",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    identity: Vec<Entry>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    subject: String,
    roles: Vec<Role>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    agents: Vec<String>,
}

/// What each subject is.
#[derive(Debug)]
pub(crate) struct Grants {
    exact: HashMap<String, Caller>,
    /// Subjects that end in a wildcard, without it; the longest first.
    families: Vec<(String, Caller)>,
}

/// Somebody who calls, and what they are. A subject that the file doesn't know is nothing. Cloning is cheap, as it is done for each call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The SPIFFE id, for the trace. A token's subject may be a person, and is not kept.
    workload: Option<Arc<str>>,
    id: CallerId,
    roles: Arc<[Role]>,
    platforms: Arc<[String]>,
    agents: Arc<[String]>,
}

impl Caller {
    pub(crate) fn known_as(mut self, workload: Arc<str>) -> Self {
        self.workload = Some(workload);
        self
    }

    /// Proven to be this subject.
    pub(crate) fn identified_by(mut self, id: CallerId) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn id(&self) -> CallerId {
        self.id.clone()
    }

    pub(crate) fn workload(&self) -> Option<&str> {
        self.workload.as_deref()
    }

    pub(crate) fn is_somebody(&self) -> bool {
        !self.roles.is_empty()
    }

    pub(crate) fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// A platform, and nothing else.
    pub(crate) fn is_platform_only(&self) -> bool {
        self.is(Role::Platform) && self.roles.iter().all(|role| *role == Role::Platform)
    }

    /// Somebody who may act on what belongs to others.
    pub(crate) fn administers(&self) -> bool {
        Role::ADMINISTER.iter().any(|role| self.is(*role))
    }

    pub(crate) fn has_platform(&self, id: &str) -> bool {
        matches_one(&self.platforms, id)
    }

    pub(crate) fn has_agent(&self, id: &str) -> bool {
        matches_one(&self.agents, id)
    }
}

/// Nobody owns what has no name.
fn matches_one(patterns: &[String], id: &str) -> bool {
    !id.is_empty()
        && patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => id == pattern,
        })
}

impl Grants {
    /// Reads the file.
    pub(crate) fn parse(contents: &[Vec<u8>]) -> Result<Self, String> {
        let text = contents.first().map(Vec::as_slice).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut grants = Self { exact: HashMap::new(), families: Vec::new() };
        for entry in file.identity {
            check(&entry).map_err(|error| format!("{:?}: {error}", entry.subject))?;
            grants.add(entry)?;
        }
        // More likely a file that is being written than a wish to lock everybody out.
        if grants.exact.is_empty() && grants.families.is_empty() {
            return Err("names nobody".to_owned());
        }
        grants.families.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
        Ok(grants)
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let twice = format!("{:?}: is there twice", entry.subject);
        let caller = Caller {
            roles: entry.roles.iter().flat_map(|role| role.includes()).copied().collect(),
            platforms: entry.platforms.into(),
            agents: entry.agents.into(),
            ..Caller::default()
        };
        let known = match entry.subject.strip_suffix('*') {
            Some(start) if self.families.iter().any(|(other, _)| other == start) => true,
            Some(start) => {
                self.families.push((start.to_owned(), caller));
                false
            }
            None => self.exact.insert(entry.subject, caller).is_some(),
        };
        if known { Err(twice) } else { Ok(()) }
    }

    /// Who a subject is.
    pub(crate) fn caller(&self, subject: &str) -> Caller {
        if let Some(caller) = self.exact.get(subject) {
            return caller.clone();
        }
        let family = self.families.iter().find_map(|(start, caller)| {
            // One part of a path: who may name `/platform/x` need not be trusted with `/platform/x/y`.
            let name = subject.strip_prefix(start.as_str())?;
            let one_part = !name.is_empty() && !name.contains(['/', '*']);
            (one_part && !caller.is_ambiguous(name)).then(|| caller.named(name))
        });
        family.unwrap_or_default()
    }
}

impl Caller {
    /// `{}` stands for what the wildcard matched.
    fn named(&self, name: &str) -> Self {
        let fill = |patterns: &[String]| patterns.iter().map(|pattern| pattern.replace("{}", name)).collect();
        Self {
            roles: self.roles.clone(),
            platforms: fill(&self.platforms),
            agents: fill(&self.agents),
            ..Self::default()
        }
    }

    /// With `{}-*` the desk `claims` would also have the agents of the desk `claims-east`; so no name may hold what comes after
    /// its place.
    fn is_ambiguous(&self, name: &str) -> bool {
        let mut patterns =
            self.platforms.iter().chain(self.agents.iter()).filter(|pattern| pattern.ends_with('*'));
        patterns.any(|pattern| match pattern.split_once("{}") {
            Some((_, after)) => after.chars().next().is_some_and(|next| next == '*' || name.contains(next)),
            None => false,
        })
    }
}

fn check(entry: &Entry) -> Result<(), String> {
    let Entry { subject, roles, platforms, agents } = entry;
    let family = subject.strip_suffix('*');
    let start = family.unwrap_or(subject);
    if start.is_empty() || start.contains('*') {
        return Err("a subject has at most one `*`, at its end and after something".to_owned());
    }
    if family.is_some_and(|start| !start.ends_with('/')) {
        return Err("`*` stands for the last part of a path, so it comes after a `/`".to_owned());
    }
    if roles.is_empty() {
        return Err("has no role".to_owned());
    }
    for (role, name, owned) in [(Role::Platform, "platforms", platforms), (Role::Desk, "agents", agents)] {
        if roles.contains(&role) == owned.is_empty() {
            return Err(format!("the role {} and the list {name} need each other", role.name()));
        }
        for pattern in owned {
            let start = pattern.strip_suffix('*').unwrap_or(pattern);
            let placeholder = start.contains("{}") && family.is_none();
            if pattern.is_empty() || start.contains('*') || placeholder {
                return Err(format!(
                    "{name}: {pattern:?} is not an id, the start of one and `*`, or made of `{{}}` for a subject with `*`"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[identity]]
        subject = "spiffe://segue.local/service/code-issuer"
        roles = ["issuer"]
        [[identity]]
        subject = "spiffe://segue.local/platform/*"
        roles = ["platform"]
        platforms = ["{}"]
        [[identity]]
        subject = "spiffe://segue.local/platform/old/*"
        roles = ["operator"]
        [[identity]]
        subject = "desk-of-claims"
        roles = ["desk", "operator"]
        agents = ["claims-*", "A-7"]
    "#;

    fn parse(text: &str) -> Result<Grants, String> {
        Grants::parse(&[text.as_bytes().to_vec()])
    }

    #[test]
    fn a_subject_is_what_the_file_says_and_nothing_else() {
        let grants = parse(FILE).unwrap();
        assert!(grants.caller("spiffe://segue.local/service/code-issuer").is(Role::Issuer));
        let app = grants.caller("spiffe://segue.local/platform/app");
        assert!(app.is(Role::Platform) && app.has_platform("app"));
        assert!(!app.has_platform("app2") && !app.has_platform("") && !app.has_agent("app"));
        let desk = grants.caller("desk-of-claims");
        assert!(desk.has_agent("claims-1") && desk.has_agent("A-7") && desk.is(Role::Operator));
        assert!(!desk.has_agent("A-70") && !desk.has_agent("claim") && !desk.is(Role::Admin));
        let operator = grants.caller("spiffe://segue.local/platform/old/x");
        assert!(operator.is(Role::Operator) && !operator.administers() && !app.administers());
        for nobody in [
            "",
            "spiffe://segue.local/service/code-issuer/",
            "spiffe://segue.local/platform/",
            "spiffe://segue.local/platform/app/x",
            "spiffe://segue.local/platform/*",
            "spiffe://other.local/platform/app",
            "desk-of-claims2",
        ] {
            assert_eq!(grants.caller(nobody), Caller::default(), "{nobody}");
        }
    }

    #[test]
    fn a_desk_does_not_have_the_agents_of_one_whose_name_begins_alike() {
        let grants =
            parse("[[identity]]\nsubject = \"spiffe://a/desk/*\"\nroles = [\"desk\"]\nagents = [\"{}-*\"]")
                .unwrap();
        assert!(grants.caller("spiffe://a/desk/claims").has_agent("claims-7"));
        assert_eq!(grants.caller("spiffe://a/desk/claims-east"), Caller::default());
    }

    #[test]
    fn an_admin_is_all_that_administer_and_each_of_them_is_one_thing() {
        let entry = |role: Role| {
            let text = format!("[[identity]]\nsubject = \"a\"\nroles = [\"{}\"]", role.name());
            parse(&text).unwrap().caller("a")
        };
        let admin = entry(Role::Admin);
        for role in Role::ADMINISTER {
            let caller = entry(role);
            let is: Vec<Role> = Role::ALL.into_iter().filter(|other| caller.is(*other)).collect();
            assert_eq!(is, [role]);
            assert!(caller.administers() && admin.is(role));
        }
        assert!(admin.is(Role::Auditor) && admin.is(Role::Operator) && !admin.is(Role::Desk));
        assert!(!entry(Role::Auditor).administers() && !entry(Role::Issuer).administers());
    }

    #[test]
    fn a_wrong_file_is_refused_whole() {
        let entry = |rest: &str| format!("[[identity]]\nsubject = \"a/*\"\n{rest}");
        for (text, part) in [
            ("[[identities]]".to_owned(), "unknown field"),
            (entry("roles = []"), "no role"),
            (entry("roles = [\"root\"]"), "unknown variant"),
            (entry("roles = [\"platform\"]"), "platforms need each other"),
            (entry("roles = [\"operator\"]\nagents = [\"x\"]"), "agents need each other"),
            (entry("roles = [\"platform\"]\nplatforms = [\"*x\"]"), "is not an id"),
            (entry("roles = [\"platform\"]\nplatforms = [\"\"]"), "is not an id"),
            (entry("roles = [\"operator\"]\nsubjet = \"x\""), "unknown field"),
            (format!("{}\n{}", entry("roles = [\"admin\"]"), entry("roles = [\"admin\"]")), "twice"),
            ("[[identity]]\nsubject = \"*\"\nroles = [\"admin\"]".to_owned(), "after something"),
            ("[[identity]]\nsubject = \"a*\"\nroles = [\"admin\"]".to_owned(), "after a `/`"),
            (
                "[[identity]]\nsubject = \"a\"\nroles = [\"platform\"]\nplatforms = [\"{}\"]".to_owned(),
                "is not an id",
            ),
            (String::new(), "names nobody"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
