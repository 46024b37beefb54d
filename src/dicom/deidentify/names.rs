//! The identifiers of the patient and of others in an object, and the search for them in texts that
//! would stay.

use std::collections::BTreeSet;

use crate::dicom::{attributes as tag, element::DataSet};

/// Attributes whose values identify the patient or the visit, or people who took part in it.
const SOURCES: [u32; 12] = [
    tag::PATIENT_NAME,
    tag::PATIENT_ID,
    tag::OTHER_PATIENT_IDS,
    tag::OTHER_PATIENT_NAMES,
    tag::ACCESSION_NUMBER,
    tag::STUDY_ID,
    tag::BIRTH_DATE,
    tag::REFERRING_PHYSICIAN,
    0x0008_1050, // Performing Physician's Name
    0x0008_1060, // Name of Physician(s) Reading Study
    0x0008_1070, // Operators' Name
    0x0032_1032, // Requesting Physician
];
/// Shorter words occur in other texts by chance.
const MIN_BYTES: usize = 3;

/// Words of the identifiers, in lower case.
pub(super) struct Names(BTreeSet<Vec<u8>>);

impl Names {
    pub(super) fn of(source: &DataSet<'_>) -> Names {
        let words = SOURCES.iter().filter_map(|tag| source.bytes(*tag));
        let words = words.flat_map(|value| value.split(|b| is_separator(*b)));
        Names(
            words
                .filter(|word| word.len() >= MIN_BYTES)
                .map(<[u8]>::to_ascii_lowercase)
                .collect(),
        )
    }

    /// Reports whether a text holds one of the words.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        Self::hold(self.0.iter(), text)
    }

    /// Reports whether a term holds one of the words that have a letter: numbers in terms, as in
    /// `ISO_IR 100`, are not those of a patient.
    pub(super) fn spell(&self, term: &[u8]) -> bool {
        let has_letter = |word: &&Vec<u8>| !word.iter().all(u8::is_ascii_digit);
        Self::hold(self.0.iter().filter(has_letter), term)
    }

    fn hold<'a>(mut words: impl Iterator<Item = &'a Vec<u8>>, text: &[u8]) -> bool {
        let text = text.to_ascii_lowercase();
        words.any(|word| text.windows(word.len()).any(|part| part == &word[..]))
    }
}

/// Bytes between the words of names: components, groups, values, and the escapes that change the
/// character set (ISO 2022), whose parameters are no part of a word.
fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b'^' | b'=' | b'\\' | b' ' | b'\0' | b',' | b'.' | b'-' | 0x1B
    )
}
