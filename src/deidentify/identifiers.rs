//! Search for a patient's identifiers in a text: the check for every folder and prefix that is to
//! be kept.
//!
//! In doubt an identifier counts as found: replacing a folder by a digest costs a little order,
//! keeping one may reveal a name.

use jiff::civil::Date;

use super::fold::{fold, spellings, split_case, words};

/// Identifiers of a patient.
pub struct Identifiers {
    /// Folded words of the name, also split where the case changes.
    names: Vec<String>,
    /// The whole name, its words in order and in reverse order.
    whole: [String; 2],
    /// Forms of the id: whole, without leading zeros, its digits.
    ids: Vec<String>,
    birth: Date,
}

impl Identifiers {
    /// Derives the identifiers from a name, an id and a birth date as written in the file name.
    pub fn new(name: &str, id: &str, birth: Date) -> Identifiers {
        let mut names = Vec::new();
        let mut whole = [String::new(), String::new()];
        for spelling in spellings(name) {
            let words = words(&spelling);
            whole[0].push_str(&words.concat());
            whole[1].push_str(&words.iter().rev().map(String::as_str).collect::<String>());
            names.extend(words);
            names.extend(super::fold::words(&split_case(&spelling)));
        }
        let compact = words(&fold(id)).concat();
        let digits: String = compact.chars().filter(char::is_ascii_digit).collect();
        let ids = [
            compact.as_str(),
            compact.trim_start_matches('0'),
            &digits,
            digits.trim_start_matches('0'),
        ]
        .into_iter()
        .filter(|form| !form.is_empty())
        .map(str::to_owned)
        .collect();
        Identifiers {
            names,
            whole,
            ids,
            birth,
        }
    }

    /// Reports whether `text` contains a part of the name, the id or the birth date, whatever its
    /// case, accents and separators, and also if that cannot be decided: letters of other scripts
    /// and escapes are hidden from a comparison.
    pub fn contains_identifier(&self, text: &str) -> bool {
        if spellings(text).iter().any(|s| !s.is_ascii()) || text.contains('%') {
            return true;
        }
        spellings(text).iter().any(|spelling| {
            let words = words(spelling);
            let joined = words.concat();
            self.contains_name(&words, &joined) || self.contains_id(&words, &joined)
        }) || contains_date(self.birth, text)
    }

    fn contains_name(&self, words: &[String], joined: &str) -> bool {
        let has_word = words.iter().any(|word| {
            // A word that is part of the name counts too: `alex` identifies Alexander.
            (word.len() >= 3 && self.whole.iter().any(|whole| whole.contains(word.as_str())))
                || self.names.contains(word)
        });
        let initials: String = self
            .names
            .iter()
            .filter_map(|name| name.chars().next())
            .collect();
        has_word
            || words
                .iter()
                .any(|word| word.len() >= 2 && initials.contains(word.as_str()))
            || self
                .names
                .iter()
                .chain(&self.whole)
                .any(|name| name.len() >= 3 && joined.contains(name.as_str()))
    }

    fn contains_id(&self, words: &[String], joined: &str) -> bool {
        // One or two characters occur in every other word by chance; as a word, or as all digits of
        // one, they count.
        let digits_of = |w: &String| w.chars().filter(char::is_ascii_digit).collect::<String>();
        self.ids.iter().any(|id| {
            words.contains(id)
                || words
                    .iter()
                    .any(|w| digits_of(w).trim_start_matches('0') == id)
                || (id.len() >= 3 && joined.contains(id.as_str()))
        })
    }
}

/// Reports whether `text` contains the date or an identifying part of it: its year, or all three
/// numbers in a usual order.
pub fn contains_date(date: Date, text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let packed = ["%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y"]
        .iter()
        .any(|form| digits.contains(&date.strftime(form).to_string()));
    // The year alone is a part of the date, and with it go all forms with the year in full.
    let year = date.strftime("%Y").to_string();
    let (y, m, d) = (
        i32::from(date.year()) % 100,
        i32::from(date.month()),
        i32::from(date.day()),
    );
    let numbers: Vec<i32> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|run| run.parse().ok())
        .collect();
    let short = numbers.windows(3).any(|w| {
        [[y, m, d], [d, m, y], [m, d, y]]
            .iter()
            .any(|form| w == form)
    });
    packed || short || digits.contains(&year)
}

/// Reports whether `text` is the year of the date and nothing else: the name of a month beside it
/// has many spellings.
pub fn is_year_alone(date: Date, text: &str) -> bool {
    words(text).concat() == date.strftime("%Y").to_string()
}

/// Reports whether a word of the name has one or two characters. Combining marks are not
/// alphanumeric but do not separate words.
pub fn has_short_word(name: &str) -> bool {
    let separates = |c: char| {
        c.is_whitespace()
            || c.is_ascii_punctuation()
            || matches!(c, '·' | '\u{2010}'..='\u{2027}' | '・')
    };
    let name = fold(name);
    [split_case(&name), name].iter().any(|name| {
        name.split(separates)
            .any(|word| matches!(word.chars().count(), 1 | 2))
    })
}

/// Reports whether the text has at most two letters and digits.
pub fn is_short(text: &str) -> bool {
    words(text).concat().chars().count() <= 2
}
