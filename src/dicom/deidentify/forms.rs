//! Values by their representations (PS3.5, 6.2).

use crate::dicom::element::{Value, Vr};

pub(super) fn empty() -> Value<'static> {
    Value::Bytes((&[] as &[u8]).into())
}

/// Returns an age of at most 90 years: higher ones identify (45 CFR 164.514).
pub(super) fn capped(bytes: &[u8]) -> Value<'static> {
    let text = String::from_utf8_lossy(bytes);
    let ages = text.split('\\').map(|age| {
        let years = age
            .trim()
            .strip_suffix('Y')
            .and_then(|years| years.parse::<u32>().ok());
        match years {
            Some(90..) => "090Y".to_owned(),
            _ => age.to_owned(),
        }
    });
    Value::Bytes(ages.collect::<Vec<_>>().join("\\").into_bytes().into())
}

/// Reports whether terms and numbers have the form of their representation.
pub(super) fn has_form(vr: &Vr, bytes: &[u8]) -> bool {
    let fits = |plain: fn(u8) -> bool| bytes.iter().all(|b| plain(*b) || b" \0\\".contains(b));
    match vr {
        b"CS" => fits(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
        b"DS" | b"IS" => fits(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)),
        b"AS" => fits(|b| b.is_ascii_digit() || b"DWMY".contains(&b)),
        _ => true,
    }
}

pub(super) fn is_text(vr: &Vr) -> bool {
    matches!(
        vr,
        b"AE" | b"LO" | b"LT" | b"SH" | b"ST" | b"UC" | b"UR" | b"UT"
    )
}

pub(super) fn is_term(vr: &Vr) -> bool {
    matches!(vr, b"AS" | b"CS" | b"DS" | b"IS")
}

/// Returns a value that means nothing.
pub(super) fn dummy(vr: &Vr) -> &'static [u8] {
    match vr {
        b"DA" => b"19000101",
        b"TM" => b"000000",
        b"DT" => b"19000101000000",
        b"AS" => b"000Y",
        b"DS" | b"IS" => b"0 ",
        b"US" | b"SS" => &[0; 2],
        b"UL" | b"SL" | b"FL" | b"AT" => &[0; 4],
        b"FD" | b"SV" | b"UV" => &[0; 8],
        b"UI" => b"2.25.0",
        _ if is_text(vr) || matches!(vr, b"PN" | b"CS") => b"ANON",
        _ => &[0; 2],
    }
}
