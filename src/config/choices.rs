/// Derivation of a study id from a patient id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudyId {
    /// HMAC-SHA-256 under the pseudonym key.
    Keyed,
    /// Unkeyed BLAKE2b of four bytes, as in the system this one replaces. It can be undone by
    /// trying every id; for parity tests only.
    Legacy,
}

/// The part of the exam date that stays in the anonymized name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExamDate {
    /// All of it, as in the system this one replaces.
    Keep,
    /// The year.
    Year,
    /// A date up to a year earlier, by the same number of days for all exams of a patient.
    Shift,
}
