use segue_core::is_slug;

/// A platform whose conversations are held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its id at platform-selector.
    pub id: String,
    /// For people.
    pub display_name: String,
    /// Whether customers can send files.
    pub upload: bool,
    /// Whether it has the quick input control (R9). Then a conversation starts without a contact, as the customer may
    /// have come with a code, and the customer is signed in with an account.
    pub quick_input: bool,
}

impl Platform {
    /// A plain chat, and an app with upload and the quick input control.
    pub fn defaults() -> Vec<Self> {
        let platform = |id: &str, display_name: &str, rich| Self {
            id: id.to_owned(),
            display_name: display_name.to_owned(),
            upload: rich,
            quick_input: rich,
        };
        vec![platform("web_chat", "Web chat", false), platform("app", "Customer app", true)]
    }
}

/// Reads `ID:ABILITIES:DISPLAY NAME`, separated by semicolons; abilities are `upload` and `quick_input`, joined by `+`.
pub(crate) fn parse_platforms(text: &str) -> Result<Vec<Platform>, String> {
    let mut platforms: Vec<Platform> = vec![];
    for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let platform = parse_platform(entry)?;
        if platforms.iter().any(|other| other.id == platform.id) {
            return Err(format!("{} is there twice", platform.id));
        }
        platforms.push(platform);
    }
    if platforms.is_empty() { Err("must name a platform".to_owned()) } else { Ok(platforms) }
}

fn parse_platform(entry: &str) -> Result<Platform, String> {
    let mut parts = entry.splitn(3, ':').map(str::trim);
    let (Some(id), Some(abilities), Some(display_name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("{entry:?} is not of the form ID:ABILITIES:DISPLAY NAME"));
    };
    if !is_slug(id) || display_name.is_empty() {
        return Err(format!("{entry:?} needs an id of a-z, 0-9, _ and -, and a name"));
    }
    let abilities: Vec<&str> = abilities.split('+').filter(|ability| !ability.is_empty()).collect();
    if let Some(unknown) = abilities.iter().find(|ability| !["upload", "quick_input"].contains(ability)) {
        return Err(format!("{unknown:?} is not an ability; those are upload and quick_input"));
    }
    Ok(Platform {
        id: id.to_owned(),
        display_name: display_name.to_owned(),
        upload: abilities.contains(&"upload"),
        quick_input: abilities.contains(&"quick_input"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_setting_gives_the_default_platforms() {
        assert_eq!(parse_platforms(crate::config::DEFAULT_PLATFORMS).unwrap(), Platform::defaults());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", ";", "app", "App::x", "app:fly:x", "app::", "a::x;a::y"] {
            assert!(parse_platforms(text).is_err(), "{text:?}");
        }
    }
}
