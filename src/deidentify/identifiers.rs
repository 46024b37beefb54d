//! Search for a patient's identifiers in a text: the check for every folder and prefix that is to
//! be kept.
//!
//! In doubt an identifier counts as found: replacing a folder by a digest costs a little order,
//! keeping one may reveal a name.

use jiff::civil::Date;

use super::{
    dates,
    fold::{fold, runs, spellings, split_case, words},
};

/// Identifiers of a patient.
pub struct Identifiers {
    /// Folded words of the name, also split where the case changes.
    names: Vec<String>,
    /// The whole name, its words in order and in reverse order.
    whole: [String; 2],
    /// Forms of the id: whole, without leading zeros, its digits.
    ids: Vec<String>,
    birth: Date,
    exam: Date,
}

impl Identifiers {
    /// Derives the identifiers from a name, an id, a birth date and an exam date as written in the
    /// file name. With the exam date an age identifies too.
    pub fn new(name: &str, id: &str, birth: Date, exam: Date) -> Identifiers {
        let mut names = Vec::new();
        let mut whole = [String::new(), String::new()];
        for spelling in spellings(name) {
            let words = words(&spelling);
            whole[0].push_str(&words.concat());
            whole[1].push_str(&words.iter().rev().map(String::as_str).collect::<String>());
            names.extend(words);
            names.extend(super::fold::words(&split_case(&spelling)));
        }
        names.sort_unstable();
        names.dedup();
        let compact = words(&fold(id)).concat();
        let digits: String = compact.chars().filter(char::is_ascii_digit).collect();
        let mut ids: Vec<String> = [
            compact.as_str(),
            compact.trim_start_matches('0'),
            &digits,
            digits.trim_start_matches('0'),
        ]
        .into_iter()
        .filter(|form| !form.is_empty())
        .map(str::to_owned)
        .collect();
        ids.sort_unstable();
        ids.dedup();
        Identifiers {
            names,
            whole,
            ids,
            birth,
            exam,
        }
    }

    /// Reports whether `text` contains a part of the name or an abbreviation of it, the id or its
    /// last digits, a part of the birth date or the age, whatever its case, accents and separators,
    /// and also if that cannot be decided: letters of other scripts and escapes are hidden from a
    /// comparison.
    pub fn contains_identifier(&self, text: &str) -> bool {
        if may_be_escaped(text) || spellings(text).iter().any(|s| !s.is_ascii()) {
            return true;
        }
        spellings(text).iter().any(|spelling| {
            let words = words(spelling);
            let joined = words.concat();
            self.contains_name(&words, &joined)
                || self.contains_abbreviation(spelling)
                || self.contains_id(&words, &joined)
        }) || dates::contains_date(self.birth, text)
            || dates::contains_part_of_birth(self.birth, text)
            || dates::contains_age(self.birth, self.exam, text)
    }

    fn contains_name(&self, words: &[String], joined: &str) -> bool {
        let has_word = words.iter().any(|word| {
            // A word that is part of the name counts too: `alex` identifies Alexander.
            (word.len() >= 3 && self.whole.iter().any(|whole| whole.contains(word.as_str())))
                || self.names.contains(word)
        });
        has_word
            || self
                .names
                .iter()
                .chain(&self.whole)
                .any(|name| name.len() >= 3 && joined.contains(name.as_str()))
    }

    /// Reports whether a run of letters abbreviates the name: `wm` and `robt`, `mllr` for Müller,
    /// the beginnings of several words as in `jaro` and `jsmith`, or initials, spaced and dotted
    /// too. A single initial counts where it is the only letter.
    fn contains_abbreviation(&self, text: &str) -> bool {
        let mut letters = joined_initials(text);
        letters.extend(joined_initials(&split_case(text)));
        let only = letters.iter().all(|word| word.len() == 1);
        letters.iter().any(|word| {
            if word.len() == 1 {
                return only
                    && self
                        .names
                        .iter()
                        .any(|name| name.starts_with(word.as_str()));
            }
            self.names.iter().any(|name| is_contraction(word, name))
                || is_made_of_beginnings(word, &mut vec![false; self.names.len()], &self.names)
        })
    }

    fn contains_id(&self, words: &[String], joined: &str) -> bool {
        // One or two characters occur in every other word by chance; as a word, or as all digits of
        // one, they count.
        let digits_of = |w: &String| w.chars().filter(char::is_ascii_digit).collect::<String>();
        let all_digits: String = joined.chars().filter(char::is_ascii_digit).collect();
        let numbers: Vec<String> = runs(joined, char::is_ascii_digit)
            .chain(words.iter().map(digits_of))
            .chain([all_digits.clone()])
            .collect();
        self.ids.iter().any(|id| {
            words.contains(id)
                || numbers.iter().any(|n| n.trim_start_matches('0') == id)
                || (id.len() >= 3 && (joined.contains(id.as_str()) || all_digits.contains(id)))
                // Three digits in a row are a part of the id, and so are the last two.
                || numbers
                    .iter()
                    .chain(words)
                    .any(|n| (n.len() >= 2 && id.ends_with(n)) || (n.len() >= 3 && id.contains(n)))
        })
    }
}

/// Reports whether `text` may hold an escaped letter: any character besides letters, digits and
/// plain punctuation, a Punycode label, or a Unicode number.
fn may_be_escaped(text: &str) -> bool {
    let plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || " -_.,+()@~'".contains(c);
    let lower = text.to_ascii_lowercase();
    !text.chars().all(plain)
        || ["xn--", "u+", "_x00"]
            .iter()
            .any(|mark| lower.contains(mark))
}

/// Returns the runs of letters; single letters in a row are initials and make one run.
fn joined_initials(text: &str) -> Vec<String> {
    let mut letters: Vec<String> = Vec::new();
    let mut single = false;
    for word in runs(text, char::is_ascii_alphabetic) {
        let initial = word.len() == 1;
        match letters.last_mut().filter(|_| single && initial) {
            Some(initials) => initials.push_str(&word),
            None => letters.push(word),
        }
        single = initial;
    }
    letters
}

/// Reports whether `word` is `name` with letters left out after the first one.
fn is_contraction(word: &str, name: &str) -> bool {
    let mut rest = name.chars();
    word.chars().next() == name.chars().next() && word.chars().all(|c| rest.any(|n| n == c))
}

/// Reports whether `word` consists of beginnings of different names, in any order.
fn is_made_of_beginnings(word: &str, used: &mut Vec<bool>, names: &[String]) -> bool {
    word.is_empty()
        || names.iter().enumerate().any(|(i, name)| {
            let common = word
                .bytes()
                .zip(name.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            if used[i] || common == 0 {
                return false;
            }
            used[i] = true;
            let found = (1..=common)
                .rev()
                .any(|n| is_made_of_beginnings(&word[n..], used, names));
            used[i] = false;
            found
        })
}

/// Combining marks are not alphanumeric but do not separate words.
fn separates(c: char) -> bool {
    c.is_whitespace()
        || c.is_ascii_punctuation()
        || matches!(c, '·' | '\u{2010}'..='\u{2027}' | '・')
}

/// Returns the words of a name that have one or two characters, in lower case without accents, also
/// split where the case changes.
pub fn short_words(name: &str) -> Vec<String> {
    let name = fold(name);
    let words = |name: String| -> Vec<String> {
        let words = name.split(separates);
        let short = words.filter(|word| matches!(word.chars().count(), 1 | 2));
        short.map(str::to_lowercase).collect()
    };
    [words(split_case(&name)), words(name)].concat()
}

/// Returns the initials of the words of a name, in lower case without accents.
pub fn initials(name: &str) -> Vec<char> {
    let name = split_case(&fold(name)).to_lowercase();
    let words = name.split(separates);
    words.filter_map(|word| word.chars().next()).collect()
}

/// Reports whether the text has at most two letters and digits.
pub fn is_short(text: &str) -> bool {
    words(text).concat().chars().count() <= 2
}
