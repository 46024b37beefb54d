//! Descriptions that may stay: whole values that say nothing but how chests are X-rayed.
//!
//! A description is a free text, in which a name can't be told from a word reliably. So none is
//! cleaned word by word: it stays whole, or it goes.

/// Lines in upper case, with single spaces.
static ALLOWED: &str = include_str!("descriptors.txt");

/// Reports whether a description is one of the list, in any case and with any separators.
pub(super) fn is_allowed(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let words = text.split([' ', '\0', '_', '-', '/', ',', '.', '(', ')']);
    let words: Vec<String> = words
        .filter(|w| !w.is_empty())
        .map(str::to_uppercase)
        .collect();
    let text = words.join(" ");
    text.is_empty() || ALLOWED.lines().any(|line| line == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_descriptions_of_the_list_are_allowed() {
        for (text, expect) in [
            ("Chest AP", true),
            ("CHEST_PA ", true),
            ("Thorax a.p.", true),
            ("", true),
            ("Chest AP Doe", false),
            ("Chest of Quizzenburg", false),
            ("CHEST\\DOE", false),
            ("4711", false),
        ] {
            assert_eq!(is_allowed(text.as_bytes()), expect, "{text}");
        }
        assert!(ALLOWED.lines().is_sorted() && ALLOWED.is_ascii());
    }
}
