//! The markers that could be a part of the patient's name: on that patient's picture they are text.

/// Markers with more letters are no part of a short word.
const MAX_SHORT: usize = 3;

/// The letters of the patient's name that a marker could show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withheld {
    /// The initials of the words of the name, in lower case. A marker of several letters that they
    /// spell, in any order, does not stay. One letter alone says too little about a person.
    pub initials: Vec<char>,
    /// The letters of the short words of the name, in lower case. A marker of up to three letters
    /// that has one of them does not stay.
    pub short: Vec<char>,
}

impl Withheld {
    /// Reports whether a marker, given as the recognizer's class, could be a part of the name.
    pub(super) fn holds(&self, class: &str) -> bool {
        // Arrows and rulers, in lower case, are not words.
        if !class.chars().all(char::is_uppercase) {
            return false;
        }
        let word: Vec<char> = class.to_lowercase().chars().collect();
        let is_short = word.len() <= MAX_SHORT && word.iter().any(|l| self.short.contains(l));
        is_short || word.len() > 1 && self.spells(&word)
    }

    fn spells(&self, word: &[char]) -> bool {
        let mut unused = self.initials.clone();
        word.iter().all(|letter| {
            let at = unused.iter().position(|initial| initial == letter);
            at.map(|at| unused.swap_remove(at)).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_name_are_withheld() {
        for (initials, short, expect) in [
            ("", "", ""),
            ("lo", "", ""),
            ("ap", "", "PA"),
            ("lal", "", "LL"),
            ("talx", "", "LAT"),
            ("arrow", "", ""),
            ("", "wu", ""),
            ("", "li", "L LL LAT"),
            ("x", "a", "PA LAT"),
            ("", "e", ""),
        ] {
            let letters = |text: &str| text.chars().collect();
            let withheld = Withheld {
                initials: letters(initials),
                short: letters(short),
            };
            let classes = ["other", "L", "LL", "PA", "LAT", "ERECT", "arrow"];
            let held: Vec<_> = classes.into_iter().filter(|c| withheld.holds(c)).collect();
            assert_eq!(held.join(" "), expect, "{initials}, {short}");
        }
    }
}
