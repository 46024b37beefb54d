//! Transfer syntaxes, by UID.

use crate::error::Error;

use super::refused;

/// The coding of pixel data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is.
    Native,
    /// The standard's own run lengths.
    Rle,
    /// JPEG with 8 bit, or with up to 12 bit.
    Jpeg,
    /// Lossless JPEG (T.81, process 14).
    LosslessJpeg,
    /// JPEG-LS (T.87).
    JpegLs,
    /// JPEG 2000.
    Jpeg2000,
}

/// A transfer syntax that is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) uid: &'static str,
    pub(crate) name: &'static str,
    /// Value representations are written out.
    pub(crate) is_explicit: bool,
    /// The most significant byte of a number comes first.
    pub(crate) is_big: bool,
    /// The data set is deflated.
    pub(crate) is_deflated: bool,
    pub(crate) coding: Coding,
    /// Pixels may differ from those that were compressed.
    pub(crate) is_lossy: bool,
}

const fn native(
    uid: &'static str,
    name: &'static str,
    is_explicit: bool,
    is_big: bool,
    is_deflated: bool,
) -> Syntax {
    Syntax {
        uid,
        name,
        is_explicit,
        is_big,
        is_deflated,
        coding: Coding::Native,
        is_lossy: false,
    }
}

const fn encapsulated(
    uid: &'static str,
    name: &'static str,
    coding: Coding,
    is_lossy: bool,
) -> Syntax {
    Syntax {
        uid,
        name,
        is_explicit: true,
        is_big: false,
        is_deflated: false,
        coding,
        is_lossy,
    }
}

pub(crate) static EXPLICIT: Syntax = native(
    "1.2.840.10008.1.2.1",
    "Explicit VR Little Endian",
    true,
    false,
    false,
);

pub(crate) static JPEG_2000_LOSSLESS: Syntax = encapsulated(
    "1.2.840.10008.1.2.4.90",
    "JPEG 2000 Lossless",
    Coding::Jpeg2000,
    false,
);

static SYNTAXES: [&Syntax; 13] = [
    &native(
        "1.2.840.10008.1.2",
        "Implicit VR Little Endian",
        false,
        false,
        false,
    ),
    &EXPLICIT,
    &native(
        "1.2.840.10008.1.2.2",
        "Explicit VR Big Endian",
        true,
        true,
        false,
    ),
    &native(
        "1.2.840.10008.1.2.1.99",
        "Deflated Explicit VR Little Endian",
        true,
        false,
        true,
    ),
    &encapsulated("1.2.840.10008.1.2.5", "RLE", Coding::Rle, false),
    &encapsulated(
        "1.2.840.10008.1.2.4.50",
        "JPEG Baseline",
        Coding::Jpeg,
        true,
    ),
    &encapsulated(
        "1.2.840.10008.1.2.4.51",
        "JPEG Extended",
        Coding::Jpeg,
        true,
    ),
    &encapsulated(
        "1.2.840.10008.1.2.4.57",
        "JPEG Lossless",
        Coding::LosslessJpeg,
        false,
    ),
    &encapsulated(
        "1.2.840.10008.1.2.4.70",
        "JPEG Lossless SV1",
        Coding::LosslessJpeg,
        false,
    ),
    &encapsulated(
        "1.2.840.10008.1.2.4.80",
        "JPEG-LS Lossless",
        Coding::JpegLs,
        false,
    ),
    &encapsulated(
        "1.2.840.10008.1.2.4.81",
        "JPEG-LS Near-Lossless",
        Coding::JpegLs,
        true,
    ),
    &JPEG_2000_LOSSLESS,
    &encapsulated(
        "1.2.840.10008.1.2.4.91",
        "JPEG 2000",
        Coding::Jpeg2000,
        true,
    ),
];

/// Transfer syntaxes that are refused by name.
const REFUSED: [(&str, &str); 4] = [
    ("1.2.840.10008.1.2.4.201", "HTJ2K Lossless"),
    ("1.2.840.10008.1.2.4.202", "HTJ2K Lossless RPCL"),
    ("1.2.840.10008.1.2.4.203", "HTJ2K"),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
];

/// Finds a transfer syntax.
///
/// # Errors
/// [`Error::NotAnImage`] that names one that is not read.
pub(crate) fn find(uid: &str) -> Result<&'static Syntax, Error> {
    if let Some(syntax) = SYNTAXES.iter().find(|syntax| syntax.uid == uid) {
        return Ok(syntax);
    }
    let name = match REFUSED.iter().find(|(refused, _)| *refused == uid) {
        Some((_, name)) => (*name).to_owned(),
        // Only what could be a UID, so that nothing else gets into a message.
        None if is_uid(uid) => format!("transfer syntax {uid}"),
        None => "an unknown transfer syntax".to_owned(),
    };
    Err(refused(format!(
        "a DICOM file in {name}; convert it to Explicit VR Little Endian or JPEG 2000 Lossless"
    )))
}

/// Reports whether a text has the form of a UID.
pub(crate) fn is_uid(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_digit() || b == b'.';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntaxes_are_found_or_refused_by_name() {
        assert_eq!(
            find("1.2.840.10008.1.2.4.70").unwrap().coding,
            Coding::LosslessJpeg
        );
        assert!(find("1.2.840.10008.1.2").is_ok_and(|s| !s.is_explicit));
        for (uid, word) in [
            ("1.2.840.10008.1.2.4.201", "HTJ2K Lossless"),
            (
                "1.2.840.10008.1.2.4.102",
                "transfer syntax 1.2.840.10008.1.2.4.102",
            ),
            ("DOE^JANE", "an unknown transfer syntax"),
        ] {
            let error = find(uid).unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("JANE"), "{error}");
        }
    }
}
