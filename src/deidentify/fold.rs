//! Texts without case, accents and separators, for comparisons.

use unicode_normalization::char::decompose_canonical;

/// Returns the runs of letters and digits in lower case.
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Returns the longest runs of characters of one kind, in lower case.
pub fn runs(text: &str, kind: impl Fn(&char) -> bool) -> impl Iterator<Item = String> {
    let mut found = vec![String::new()];
    for c in text.chars() {
        if kind(&c) {
            found
                .last_mut()
                .expect("at least one run")
                .extend(c.to_lowercase());
        } else {
            found.push(String::new());
        }
    }
    found.into_iter().filter(|run| !run.is_empty())
}

/// Turns `JohnSmith` into `John Smith`.
pub fn split_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut lower = false;
    for c in text.chars() {
        if lower && c.is_uppercase() {
            out.push(' ');
        }
        lower = c.is_lowercase();
        out.push(c);
    }
    out
}

/// Returns the two common spellings without accents: `Müller` as `Muller` and as `Mueller`.
pub fn spellings(text: &str) -> [String; 2] {
    let mut two = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            'ä' | 'æ' => two.push_str("ae"),
            'Ä' | 'Æ' => two.push_str("Ae"),
            'ö' | 'ø' | 'œ' => two.push_str("oe"),
            'Ö' | 'Ø' | 'Œ' => two.push_str("Oe"),
            'ü' => two.push_str("ue"),
            'Ü' => two.push_str("Ue"),
            'å' => two.push_str("aa"),
            'Å' => two.push_str("Aa"),
            c => two.push(c),
        }
    }
    [fold(text), fold(&two)]
}

/// Removes the accents of Latin letters. Combining accents are dropped, so that composed and
/// decomposed text fold alike. Other scripts are kept as they are, letter by letter.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{300}'..='\u{36F}' => {}
            // Letters without a decomposition.
            'ß' => out.push_str("ss"),
            'Ð' | 'Đ' => out.push('D'),
            'ð' | 'đ' => out.push('d'),
            'ı' => out.push('i'),
            'Ł' => out.push('L'),
            'ł' => out.push('l'),
            'Ø' => out.push('O'),
            'ø' => out.push('o'),
            c => out.push(base(c)),
        }
    }
    out
}

/// Returns the base letter of an accented Latin letter, and any other character unchanged.
fn base(c: char) -> char {
    let mut base = None;
    decompose_canonical(c, |part| {
        base.get_or_insert(part);
    });
    base.filter(char::is_ascii_alphabetic).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fold_removes_accents_of_latin_letters_only() {
        for (text, expect) in [
            ("Zoë Ångström", "Zoe Angstrom"),
            ("Zoe\u{308}", "Zoe"),
            ("Łukasz Đặng", "Lukasz Dang"),
            ("Weiß ıİ", "Weiss iI"),
            ("ÀÉÎÕÜÝÇÑŘŠŤŽ ğģľĺőűůŵ", "AEIOUYCNRSTZ ggllouuw"),
            // Hangul would decompose into several letters, and a short name would no longer be one.
            ("김 山田 Ἀθήνα क़", "김 山田 Ἀθήνα क़"),
            ("æ", "æ"),
        ] {
            assert_eq!(fold(text), expect, "{text}");
        }
    }
}
