use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// A file's name without what is not seen but changes what is: control characters, and those of Unicode's category Format,
/// which turn the direction of writing (`invoice\u{202e}fdp.exe` shows as `invoiceexe.pdf`) or have no width. They are
/// left out rather than refused, as a phone puts some of them into names that its owner never typed.
pub(crate) fn visible_name(name: &str) -> String {
    name.chars().filter(|c| !is_unseen(*c)).collect()
}

fn is_unseen(c: char) -> bool {
    use GeneralCategory as G;
    matches!(
        c.general_category(),
        G::Control | G::Format | G::LineSeparator | G::ParagraphSeparator | G::PrivateUse | G::Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_left_out() {
        let unseen =
            "a\u{202e}\u{2066}\u{200b}\u{200d}\u{feff}\u{ad}\u{61c}\u{e0041}\u{2028}\u{1b}\n\u{e000}b.pdf";
        assert_eq!(visible_name(unseen), "ab.pdf");
        assert_eq!(visible_name("发票 (1) – Łódź.pdf"), "发票 (1) – Łódź.pdf");
    }
}
