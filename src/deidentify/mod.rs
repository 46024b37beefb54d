//! Names without the patient: the key of the anonymized object, and the keyed digests that replace
//! identifiers.

mod dates;
mod fold;
mod former;
mod identifiers;
#[cfg(test)]
mod mutations;
mod patient;
#[cfg(test)]
mod tests;

use jiff::ToSpan as _;

use patient::Patient;

use crate::{
    config::{Config, ExamDate, Naming, StudyId},
    event::MAX_KEY_BYTES,
    secret::{Secret, keyed_days, keyed_letters},
};

/// Length of a study id in letters: 64 bits.
const STUDY_LETTERS: usize = 16;
/// Length of the digest that distinguishes two sources of one name, in letters: 32 bits.
const COLLISION_LETTERS: usize = 8;

/// Pseudonyms under one key.
#[derive(Debug, Clone)]
pub struct Pseudonyms {
    key: Secret,
    naming: Naming,
}

/// Decision about a folder of a patient's picture.
type KeepsFolder<'a> = &'a dyn Fn(&Patient<'_>, &str) -> bool;

/// The two possible keys of an anonymized copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymizedKeys {
    /// Preferred key.
    pub base: String,
    /// Key if the other belongs to another source.
    pub alternative: String,
}

impl Pseudonyms {
    /// Derives pseudonyms from `key`, in the form that `naming` describes.
    pub fn new(key: Secret, naming: Naming) -> Pseudonyms {
        Pseudonyms { key, naming }
    }

    /// Derives the pseudonyms of the settings, if they have a key.
    pub fn of(config: &Config) -> Option<Pseudonyms> {
        let key = config.pseudonym_key.clone()?;
        Some(Pseudonyms::new(key, config.naming.clone()))
    }

    /// Returns the first `letters` letters of HMAC-SHA-256 of `text`; `domain` separates digests of
    /// different things.
    pub fn digest(&self, domain: &str, text: &str, letters: usize) -> String {
        keyed_letters(&self.key, domain, text, letters)
    }

    /// Returns the keys of the anonymized copy of `key` in `bucket`.
    ///
    /// `<prefix>_<name>_<patient id>_<birth>_<exam>.<ext>` becomes `<prefix>_XXXXXXXX_<study
    /// id>_XXXX-XX-XX_<exam>.<ext>`. Each folder becomes a digest, unless the settings keep it and
    /// it contains no part of the name, the id, the birth date or the age, and no more of the exam
    /// date than the new name does. A name that does not fit the pattern is replaced entirely, and
    /// so is every folder it is in.
    pub fn anonymized_keys(&self, bucket: &str, key: &str) -> AnonymizedKeys {
        self.keys(bucket, key, |p| p.has_safe_prefix(), &|p, folder| {
            self.naming.keeps_folder(folder)
                && !p.is_identified_by(folder)
                && !self.reveals_exam(p, folder)
        })
    }

    fn keys(
        &self,
        bucket: &str,
        key: &str,
        keeps_prefix: fn(&Patient<'_>) -> bool,
        keeps_folder: KeepsFolder<'_>,
    ) -> AnonymizedKeys {
        let (folder, file) = key.rsplit_once('/').map_or(("", key), |(f, n)| (f, n));
        let (stem, extension) = split_extension(file);
        let source = format!("{bucket}/{key}");
        // A DICOM object identifies its patient itself, and its dates are removed, so nothing of
        // its name stays.
        let patient = Patient::parse(stem).filter(|_| !is_dicom_name(extension));
        let name = match &patient {
            Some(p) => format!(
                "{}_XXXXXXXX_{}_XXXX-XX-XX_{}",
                if keeps_prefix(p) { p.prefix } else { "xray" },
                self.study(&p.id),
                self.exam(p)
            ),
            None => format!("unnamed_{}", self.digest("object", &source, STUDY_LETTERS)),
        };
        let segment = |s: &str| match &patient {
            _ if s.is_empty() => String::new(),
            Some(p) if keeps_folder(p, s) => s.to_owned(),
            _ => self.digest("folder", s, STUDY_LETTERS),
        };
        let mut prefix = String::new();
        if key.contains('/') {
            let segments: Vec<String> = folder.split('/').map(segment).collect();
            prefix = format!("{}/", segments.join("/"));
        }
        let own = self.digest("collision", &source, COLLISION_LETTERS);
        let extension = safe_extension(extension);
        if prefix.len() + name.len() + own.len() + extension.len() + 1 > MAX_KEY_BYTES {
            prefix = format!("{}/", self.digest("folder", folder, STUDY_LETTERS));
        }
        AnonymizedKeys {
            base: format!("{prefix}{name}{extension}"),
            alternative: format!("{prefix}{name}_{own}{extension}"),
        }
    }

    fn study(&self, id: &str) -> String {
        match self.naming.study_id {
            StudyId::Keyed => self.digest("study", id, STUDY_LETTERS),
            StudyId::Legacy => legacy_study_id(id),
        }
    }

    /// Returns the part of the exam date that stays.
    fn exam(&self, patient: &Patient<'_>) -> String {
        let date = patient.exam;
        match self.naming.exam_date {
            ExamDate::Keep => date.to_string(),
            ExamDate::Year => date.strftime("%Y-XX-XX").to_string(),
            ExamDate::Shift => {
                let days = keyed_days(&self.key, &patient.id);
                let shifted = date.checked_sub(days.days());
                shifted.map_or_else(|_| "XXXX-XX-XX".to_owned(), |date| date.to_string())
            }
        }
    }

    /// Reports whether `text` contains more of the exam date than the new name does.
    fn reveals_exam(&self, patient: &Patient<'_>, text: &str) -> bool {
        match self.naming.exam_date {
            ExamDate::Keep => false,
            ExamDate::Year => {
                dates::contains_date(patient.exam, text)
                    && !dates::is_year_alone(patient.exam, text)
            }
            ExamDate::Shift => dates::contains_date(patient.exam, text),
        }
    }
}

/// Reports whether text on the patient's picture could be taken for any side or view marker: the id
/// has one or two characters, or a word of the name has and is not of Latin letters. A key that
/// does not fit the pattern counts as `false`.
pub fn may_look_like_a_marker(key: &str) -> bool {
    Patient::parse(stem(key)).is_some_and(|p| {
        let mut words = identifiers::short_words(p.name).into_iter();
        identifiers::is_short(&p.id) || words.any(|word| !word.is_ascii())
    })
}

/// Returns the letters of the words of one or two characters of the name in the key, in lower case
/// without accents; none if the key does not fit the pattern.
pub fn short_letters(key: &str) -> Vec<char> {
    let words = Patient::parse(stem(key)).map(|p| identifiers::short_words(p.name));
    words.unwrap_or_default().concat().chars().collect()
}

/// Returns the initials of the words of the name in the key, in lower case without accents; none if
/// the key does not fit the pattern.
pub fn initials(key: &str) -> Vec<char> {
    Patient::parse(stem(key)).map_or_else(Vec::new, |p| identifiers::initials(p.name))
}

/// Returns the file name of a key without its extension.
fn stem(key: &str) -> &str {
    let file = key.rsplit_once('/').map_or(key, |(_, file)| file);
    split_extension(file).0
}

/// Returns the study id of the system this one replaces: BLAKE2b of four bytes over the id, as a
/// big-endian 16-bit number if it is one.
fn legacy_study_id(id: &str) -> String {
    use blake2::{Blake2b, Digest, digest::consts::U4};
    let digest = match id.parse::<u16>() {
        Ok(number) => Blake2b::<U4>::digest(number.to_be_bytes()),
        Err(_) => Blake2b::<U4>::digest(id.as_bytes()),
    };
    hex::encode(digest)
}

/// Splits stem and extension. The extension includes its dot; a name that is nothing but an
/// extension has none.
pub fn split_extension(file: &str) -> (&str, &str) {
    match file.rfind('.') {
        Some(at) if at > 0 => file.split_at(at),
        _ => (file, ""),
    }
}

fn is_dicom_name(extension: &str) -> bool {
    matches!(extension.to_ascii_lowercase().as_str(), ".dcm" | ".dicom")
}

/// Reports whether a key has the extension of a JPEG or PNG.
pub fn is_picture_name(key: &str) -> bool {
    let file = key.rsplit_once('/').map_or(key, |(_, file)| file);
    let extension = split_extension(file).1.to_ascii_lowercase();
    matches!(extension.as_str(), ".jpg" | ".jpeg" | ".png")
}

/// Keeps the extensions of pictures; any other could contain anything.
fn safe_extension(extension: &str) -> &str {
    match extension.to_ascii_lowercase().as_str() {
        ".jpg" | ".jpeg" | ".png" | ".dcm" | ".dicom" => extension,
        _ => "",
    }
}
