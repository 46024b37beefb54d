//! Detects the format of a file by its first bytes, since a key's extension is only a name.

use jpeg_blocks::markers::{SOS, segments};

use crate::error::Error;

/// The picture formats that are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG, as in ITU-T T.81.
    Jpeg,
    /// PNG, as in ISO/IEC 15948.
    Png,
    /// DICOM, as in PS3.10.
    Dicom,
}

impl Format {
    /// Returns the media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Dicom => "application/dicom",
        }
    }

    /// Returns the file name extension for a name that has lost its own.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpeg",
            Format::Png => "png",
            Format::Dicom => "dcm",
        }
    }
}

/// Detects the format.
///
/// # Errors
/// [`Error::NotAnImage`] that names the format, if it is known, and what to do.
pub fn sniff(bytes: &[u8]) -> Result<Format, Error> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        if is_jpeg_ls(bytes) {
            let kind = "a JPEG-LS; convert it to PNG, which loses nothing either";
            return Err(Error::NotAnImage(kind.into()));
        }
        return Ok(Format::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(Format::Png);
    }
    // After the others: the preamble may be the beginning of another file.
    if is_dicom(bytes) {
        return Ok(Format::Dicom);
    }
    Err(Error::NotAnImage(name(bytes).into()))
}

/// Reports whether the bytes begin as a file of PS3.10: a preamble of 128 bytes, then `DICM`.
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}

/// Reports whether the first frame header is that of JPEG-LS (ITU-T T.87), which begins as a JPEG.
fn is_jpeg_ls(bytes: &[u8]) -> bool {
    const JPEG_LS: u8 = 0xF7;
    let frame = |marker: &u8| matches!(*marker, JPEG_LS | 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | SOS);
    segments(bytes).map(|s| s.marker).find(frame) == Some(JPEG_LS)
}

/// Reports whether a client's framing of the body (`Content-Encoding: aws-chunked`) was stored as
/// if it were the object: the size of a chunk in hexadecimal, its signature or none, the picture.
fn is_aws_chunked(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let rest = &bytes[digits..];
    let unsigned = rest.strip_prefix(b"\r\n").is_some_and(|picture| {
        picture.starts_with(&[0xFF, 0xD8, 0xFF]) || picture.starts_with(b"\x89PNG")
    });
    (1..=16).contains(&digits) && (rest.starts_with(b";chunk-signature=") || unsigned)
}

fn name(bytes: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 15] = [
        (b"II*\0", "a TIFF; convert it to PNG"),
        (b"MM\0*", "a TIFF; convert it to PNG"),
        (b"II+\0", "a BigTIFF; convert it to PNG"),
        (b"MM\0+", "a BigTIFF; convert it to PNG"),
        (b"GIF8", "a GIF; convert it to PNG"),
        (b"BM", "a BMP; convert it to PNG"),
        (b"%PDF", "a PDF; export its pictures"),
        (
            b"PK\x03\x04",
            "a ZIP archive; upload the pictures in it one by one",
        ),
        (b"\x1f\x8b", "gzip data; upload the picture itself"),
        (b"\xff\x0a", "a JPEG XL; convert it to JPEG or PNG"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000; convert it to PNG"),
        (b"\0\0\0\x0cjP  ", "a JPEG 2000; convert it to PNG"),
        (b"\0\0\0\x0cJXL ", "a JPEG XL; convert it to JPEG or PNG"),
        (b"<?xml", "XML"),
        (b"<svg", "an SVG; convert it to PNG"),
    ];
    if bytes.is_empty() {
        return "the object is empty";
    }
    if is_aws_chunked(bytes) {
        return "an aws-chunked body, which the store did not unpack; upload the picture without \
                `Content-Encoding: aws-chunked`, or through a client whose chunks the store reads";
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "a WebP; convert it to JPEG or PNG";
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return "an HEIC, AVIF or video file; convert it to JPEG or PNG";
    }
    KNOWN
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map_or("an unknown format", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_detected_by_their_bytes() {
        let dicom = [vec![0; 128], b"DICM".to_vec()].concat();
        for (bytes, expect) in [
            (&b"\xff\xd8\xff\xe0"[..], Ok(Format::Jpeg)),
            (b"\x89PNG\r\n\x1a\n....", Ok(Format::Png)),
            (&dicom, Ok(Format::Dicom)),
            (b"II*\0....", Err("TIFF")),
            (b"MM\0*....", Err("TIFF")),
            (b"RIFF....WEBP", Err("WebP")),
            (
                b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0",
                Err("JPEG-LS"),
            ),
            (b"\xff\xd8\xff\xfe\0\x03 \xff\xf7\0\x03 ", Err("JPEG-LS")),
            (b"\xff\xd8\xff\xc0\0\x03 \xff\xf7\0\x03 ", Ok(Format::Jpeg)),
            (
                b"130fe;chunk-signature=aa\r\n\xff\xd8\xff",
                Err("aws-chunked"),
            ),
            (b"8000\r\n\x89PNG\r\n\x1a\n", Err("aws-chunked")),
            (b"8000\r\nhello", Err("unknown")),
            (b"\r\n\xff\xd8\xff", Err("unknown")),
            (b"", Err("empty")),
            (b"\xff", Err("unknown")),
            (b"hello", Err("unknown")),
        ] {
            match (sniff(bytes), expect) {
                (Ok(got), Ok(want)) => assert_eq!(got, want),
                (Err(e), Err(word)) => assert!(e.to_string().contains(word), "{e}"),
                (got, want) => panic!("{got:?} instead of {want:?}"),
            }
        }
    }
}
