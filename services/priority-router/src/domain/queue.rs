const SEPARATOR: &str = "\n";

/// What an agent must bring to take a contact: the platform and all skills. Contacts that ask for the same stand in the
/// same queue, so the next one for an agent is found among the heads of queues and not among all that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The platform.
    pub platform: String,
    /// The skills, sorted, each once.
    pub skills: Vec<String>,
}

impl Queue {
    /// The queue for a platform and skills in any order.
    pub fn new(platform: &str, mut skills: Vec<String>) -> Self {
        skills.sort_unstable();
        skills.dedup();
        Self { platform: platform.to_owned(), skills }
    }

    /// Its key. Neither platforms nor skills have line ends in them.
    pub fn id(&self) -> String {
        format!("{}{SEPARATOR}{}", self.platform, join_skills(&self.skills))
    }
}

/// Skills as they are stored.
pub(crate) fn join_skills(skills: &[String]) -> String {
    skills.join(SEPARATOR)
}

/// Skills from the store.
pub(crate) fn split_skills(text: &str) -> Vec<String> {
    text.split(SEPARATOR).filter(|skill| !skill.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_skills_does_not_matter() {
        let queue = |skills: &[&str]| Queue::new("chat", skills.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(queue(&["b", "a", "b"]).id(), queue(&["a", "b"]).id());
        assert_ne!(queue(&["a b"]).id(), queue(&["a", "b"]).id());
        assert_ne!(queue(&[]).id(), queue(&["a"]).id());
    }

    #[test]
    fn skills_read_back() {
        let skills = vec!["claims".to_owned(), "中文".to_owned()];
        assert_eq!(split_skills(&join_skills(&skills)), skills);
        assert!(split_skills("").is_empty());
    }
}
