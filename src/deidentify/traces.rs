//! Whether a text tells of a patient: the question every folder and prefix that is kept has to pass.
//!
//! In doubt the answer is yes: a folder that becomes a digest costs a little order, one that stays may cost a name.

use jiff::civil::Date;

/// What must not be told.
pub struct Traces {
    /// Words of the name: folded, also split where the case changes.
    names: Vec<String>,
    /// The whole name, words in order and in reverse order.
    whole: [String; 2],
    /// Forms of the id: whole, without leading zeros, its digits.
    ids: Vec<String>,
    birth: Date,
}

impl Traces {
    /// Of a name, an id and a birth date as the file name has them.
    pub fn new(name: &str, id: &str, birth: Date) -> Traces {
        let mut names = Vec::new();
        let mut whole = [String::new(), String::new()];
        for spelling in spellings(name) {
            let words = words(&spelling);
            whole[0].push_str(&words.concat());
            whole[1].push_str(&words.iter().rev().map(String::as_str).collect::<String>());
            names.extend(words);
            names.extend(self::words(&split_case(&spelling)));
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
        Traces {
            names,
            whole,
            ids,
            birth,
        }
    }

    /// True when `text` holds a part of the name, the id or the birth date, whatever its case, accents and separators, and
    /// when that can't be told: letters of other scripts and escapes stay hidden from a comparison.
    pub fn are_in(&self, text: &str) -> bool {
        if spellings(text).iter().any(|s| !s.is_ascii()) || text.contains('%') {
            return true;
        }
        spellings(text).iter().any(|spelling| {
            let words = words(spelling);
            let joined = words.concat();
            self.name_is_in(&words, &joined) || self.id_is_in(&words, &joined)
        }) || date_is_in(self.birth, text)
    }

    fn name_is_in(&self, words: &[String], joined: &str) -> bool {
        let word_told = words.iter().any(|word| {
            // Part of the name the other way round: `alex` tells of Alexander.
            (word.len() >= 3 && self.whole.iter().any(|whole| whole.contains(word.as_str())))
                || self.names.contains(word)
        });
        let initials: String = self
            .names
            .iter()
            .filter_map(|name| name.chars().next())
            .collect();
        word_told
            || words
                .iter()
                .any(|w| w.len() >= 2 && (initials.contains(w.as_str())))
            || self
                .names
                .iter()
                .any(|name| name.len() >= 3 && joined.contains(name.as_str()))
            || self
                .whole
                .iter()
                .any(|whole| whole.len() >= 3 && joined.contains(whole.as_str()))
    }

    fn id_is_in(&self, words: &[String], joined: &str) -> bool {
        // One or two characters are in every other word by chance; as a word, or as all digits of one, they count.
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

/// True when `text` holds the date or a part of it that tells: its year, or all three numbers in a usual order.
pub fn date_is_in(date: Date, text: &str) -> bool {
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
    let numbers: Vec<i32> = runs(text)
        .iter()
        .filter_map(|run| run.parse().ok())
        .collect();
    let short = numbers.windows(3).any(|w| {
        [[y, m, d], [d, m, y], [m, d, y]]
            .iter()
            .any(|form| w == form)
    });
    packed || short || digits.contains(&year)
}

/// True when `text` is the year of the date and nothing else: a month's name beside it has many spellings.
pub fn is_year_alone(date: Date, text: &str) -> bool {
    words(text).concat() == date.strftime("%Y").to_string()
}

/// True when a word of the name has one or two characters. Signs above and below the letters of many scripts are no letters, but part
/// no words either.
pub fn has_short_part(name: &str) -> bool {
    let parts = |c: char| {
        c.is_whitespace()
            || c.is_ascii_punctuation()
            || matches!(c, '·' | '\u{2010}'..='\u{2027}' | '・')
    };
    let name = fold(name);
    [split_case(&name), name].iter().any(|name| {
        name.split(parts)
            .any(|word| matches!(word.chars().count(), 1 | 2))
    })
}

/// True for one or two letters and digits.
pub fn is_short(text: &str) -> bool {
    words(text).concat().chars().count() <= 2
}

/// Runs of digits.
fn runs(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .collect()
}

/// Runs of letters and digits, lower case.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// `JohnSmith` to `John Smith`.
fn split_case(text: &str) -> String {
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

/// The ways a text is written without accents: `Müller` as `Muller` and as `Mueller`.
fn spellings(text: &str) -> [String; 2] {
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

/// Latin letters without their accents. Combining accents go, so that composed and decomposed text fold alike.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let plain = match c {
            '\u{300}'..='\u{36F}' => continue,
            'ß' => {
                out.push_str("ss");
                continue;
            }
            'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
            'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
            'Ç' | 'Ć'..='Č' if c.is_uppercase() => 'C',
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
            'Ð' | 'Ď' | 'Đ' => 'D',
            'ð' | 'ď' | 'đ' => 'd',
            'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => 'E',
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
            'Ğ' | 'Ģ' => 'G',
            'ğ' | 'ģ' => 'g',
            'Ì'..='Ï' | 'Ī' | 'Į' | 'İ' => 'I',
            'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
            'Ł' | 'Ľ' | 'Ĺ' => 'L',
            'ł' | 'ľ' | 'ĺ' => 'l',
            'Ñ' | 'Ń' | 'Ň' => 'N',
            'ñ' | 'ń' | 'ň' => 'n',
            'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ő' => 'O',
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
            'Ŕ' | 'Ř' => 'R',
            'ŕ' | 'ř' => 'r',
            'Ś' | 'Ş' | 'Š' | 'Ș' => 'S',
            'ś' | 'ş' | 'š' | 'ș' => 's',
            'Ţ' | 'Ť' | 'Ț' => 'T',
            'ţ' | 'ť' | 'ț' => 't',
            'Ù'..='Ü' | 'Ū' | 'Ů' | 'Ű' => 'U',
            'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
            'Ý' | 'Ÿ' => 'Y',
            'ý' | 'ÿ' => 'y',
            'Ź' | 'Ż' | 'Ž' => 'Z',
            'ź' | 'ż' | 'ž' => 'z',
            c => c,
        };
        out.push(plain);
    }
    out
}
