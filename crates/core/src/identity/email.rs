//! E-mail addresses (RFC 5321 with RFC 6531's characters), the domain by UTS 46.

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization as _;

use super::IdentityError;

/// The address in one form, and the form that programs of before 0.2 stored it in when that differs.
///
/// A display name and `mailto:` come off. Lower case, as no provider tells letters of different case apart. `a+b` and `a` stay two
/// people, and so do `a.b` and `ab`: what these mean is up to each provider.
pub(super) fn normalise(text: &str) -> Result<(String, Option<String>), IdentityError> {
    let address = bare(text).ok_or(IdentityError::Email)?;
    let (local, domain) = address.rsplit_once('@').ok_or(IdentityError::Email)?;
    let local: String = local.chars().flat_map(char::to_lowercase).nfkc().collect();
    // The dot that ends a full name is no part of it.
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| IdentityError::Email)?;
    let whole = format!("{local}@{ascii}");
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    // Quoted local parts are other spellings of plain ones, or nobody's.
    if local.contains('"') || EmailAddress::parse_with_options(&whole, options).is_err() {
        return Err(IdentityError::Email);
    }
    let former = format!("{local}@{}", domain.to_lowercase());
    Ok((whole.clone(), (former != whole).then_some(former)))
}

/// The address without what is written around it.
fn bare(text: &str) -> Option<&str> {
    let text = match text.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => rest,
        _ => text,
    };
    let Some(open) = text.strip_suffix('>') else { return Some(text) };
    let (name, address) = open.rsplit_once('<')?;
    // Two addresses are two people.
    (!name.contains(['<', '>', '@', ','])).then_some(address)
}
