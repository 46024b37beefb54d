//! Secrets and the digests made with them.

/// Returns the first `letters` letters of HMAC-SHA-256 of `text`, four bits a letter; `domain`
/// separates digests of different things.
///
/// The letters are sixteen consonants instead of hex digits. So no digest can by chance spell a
/// date, a numeric id or a name with a vowel, and a search for any of them has no false alarms.
pub(crate) fn keyed_letters(key: &Secret, domain: &str, text: &str, letters: usize) -> String {
    const ALPHABET: &[u8; 16] = b"bcdfghjklmnpqrst";
    let text = format!("xray/{domain}\0{text}");
    hmac_sha256(key.expose().as_bytes(), text.as_bytes())
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .take(letters)
        .map(|nibble| char::from(ALPHABET[usize::from(nibble)]))
        .collect()
}

/// Returns the number of days, 1 to 365, by which the dates of a patient become earlier: the same
/// for all of a patient's, so that the time between two exams stays.
pub(crate) fn keyed_days(key: &Secret, patient_id: &str) -> i64 {
    const MOST: u64 = 365;
    let text = format!("xray/shift\0{patient_id}");
    let digest = hmac_sha256(key.expose().as_bytes(), text.as_bytes());
    let number = digest[..8].iter().fold(0, |n, &b| (n << 8) | u64::from(b));
    (number % MOST) as i64 + 1
}

pub use s3::{
    Secret,
    sigv4::{hmac_sha256, sha256_hex},
};
