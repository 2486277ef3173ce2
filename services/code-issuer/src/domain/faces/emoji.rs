//! The pictures of the picture face: their characters, names and art.

use std::sync::LazyLock;

use crate::domain::locale::Locale;

/// One of the pictures.
pub(super) struct Emoji {
    /// The character, without variation selector.
    pub character: &'static str,
    /// Its name in English, one lower-case word.
    pub english: &'static str,
    /// Its name in simplified characters.
    pub simplified: &'static str,
    /// Its name in traditional characters.
    pub traditional: &'static str,
    /// How it is drawn: elements of an SVG picture of 36 by 36.
    pub art: &'static str,
}

/// The pictures: see `words/README.md`. Their order is the check symbol's, and never changes.
pub(super) static EMOJI: LazyLock<Vec<Emoji>> = LazyLock::new(|| {
    let rows = include_str!("../../../words/emoji.tsv").lines();
    let art = include_str!("../../../words/emoji_art.tsv").lines();
    rows.zip(art)
        .filter_map(|(row, art)| {
            let mut columns = row.split('\t');
            Some(Emoji {
                character: columns.next()?,
                english: columns.next()?,
                simplified: columns.next()?,
                traditional: columns.next()?,
                art,
            })
        })
        .collect()
});

/// The name of a picture.
pub(super) fn name(emoji: &Emoji, locale: Locale) -> &'static str {
    match locale {
        Locale::En => emoji.english,
        Locale::ZhCn => emoji.simplified,
    }
}
