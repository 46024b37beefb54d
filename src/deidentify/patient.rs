//! The parts of a file name that follow the pattern.

use jiff::civil::Date;

use super::identifiers::Identifiers;

/// Limit on the length of a prefix that is kept.
const MAX_PREFIX: usize = 32;

/// Identifiers in a file name.
pub struct Patient<'a> {
    pub prefix: &'a str,
    pub name: &'a str,
    pub id: String,
    pub birth: Date,
    pub exam: Date,
}

impl<'a> Patient<'a> {
    /// Parses `<prefix>_<name>_<patient id>_<birth>_<exam>`; the name may contain further
    /// underscores.
    pub fn parse(stem: &'a str) -> Option<Patient<'a>> {
        let (rest, exam) = stem.rsplit_once('_')?;
        let (rest, birth) = rest.rsplit_once('_')?;
        let (rest, id) = rest.rsplit_once('_')?;
        let (prefix, name) = rest.split_once('_')?;
        let known = |s: &str| s.chars().any(char::is_alphanumeric);
        (known(name) && known(id)).then_some(())?;
        Some(Patient {
            prefix,
            name,
            id: id.to_owned(),
            birth: date(birth)?,
            exam: date(exam)?,
        })
    }

    /// Reports whether the prefix has the form of a label: lower-case letters and hyphens.
    pub fn is_label(&self) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        !self.prefix.is_empty() && self.prefix.len() <= MAX_PREFIX && self.prefix.chars().all(plain)
    }

    /// Reports whether the prefix is plainly a label without an identifier. Otherwise
    /// `Roe_Jane_…` would keep the family name.
    pub fn has_safe_prefix(&self) -> bool {
        self.is_label() && !self.is_identified_by(self.prefix)
    }

    /// Reports whether `text` identifies the patient, or may do so.
    pub fn is_identified_by(&self, text: &str) -> bool {
        Identifiers::new(self.name, &self.id, self.birth, self.exam).contains_identifier(text)
    }
}

/// Parses `YYYY-MM-DD`, a day that exists.
fn date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| {
            if i == 4 || i == 7 {
                b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
    shaped.then(|| text.parse().ok()).flatten()
}
