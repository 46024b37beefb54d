//! Kinds of objects, and faults.

use super::*;
use crate::{
    dicom::{frame::Frame, object, render::Tables},
    error::Reason,
};

fn refusal(data: &DataSet<'_>) -> String {
    process(&file(data), 0.9, &[], None)
        .unwrap_err()
        .to_string()
}

#[test]
fn other_kinds_are_refused_by_name() {
    let of = |tag, vr: &[u8; 2], text: &str| {
        let mut data = object(12, &slope(64, 48), 64);
        data.put_text(tag, vr, text);
        refusal(&data)
    };
    for (tag, vr, text, word) in [
        (tag::SOP_CLASS, b"UI", "1.2.840.10008.5.1.4.1.1.2", "a CT"),
        (
            tag::SOP_CLASS,
            b"UI",
            "1.2.840.10008.5.1.4.1.1.1.1.1",
            "For Processing",
        ),
        (
            tag::SOP_CLASS,
            b"UI",
            "1.2.840.10008.5.1.4.1.1.7.2",
            "multi-frame",
        ),
        (tag::SOP_CLASS, b"UI", "1.2.3", "SOP class 1.2.3"),
        (tag::SOP_CLASS, b"UI", "DOE JANE", "unknown SOP class"),
        (
            tag::PRESENTATION_INTENT,
            b"CS",
            "FOR PROCESSING",
            "For Processing",
        ),
        (tag::FRAMES, b"IS", "2", "several frames"),
        (tag::PHOTOMETRIC, b"CS", "RGB", "in color"),
        (tag::PHOTOMETRIC, b"CS", "PALETTE COLOR", "in color"),
    ] {
        let error = of(tag, vr, text);
        assert!(error.contains(word) && !error.contains("JANE"), "{error}");
    }
    for (tag, value, word) in [
        (tag::BITS_STORED, 20, "lowest 8 to 16 bits"),
        (tag::HIGH_BIT, 15, "lowest 8 to 16 bits"),
        (tag::BITS_ALLOCATED, 32, "lowest 8 to 16 bits"),
        (tag::ROWS, 0, "unusable"),
        (tag::ROWS, 49, "doesn't fit its size"),
    ] {
        let mut data = object(12, &slope(64, 48), 64);
        data.put_u16(tag, &[value]);
        let error = refusal(&data);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn syntaxes_that_are_not_read_are_refused_by_name() {
    let mut bytes = file(&object(12, &slope(64, 48), 64));
    let uid = b"1.2.840.10008.1.2.1\0";
    let at = bytes.windows(uid.len()).position(|w| w == uid).unwrap();
    bytes[at..at + uid.len()].copy_from_slice(b"1.2.840.10008.1.2.9\0");
    let error = process(&bytes, 0.9, &[], None).unwrap_err();
    assert_eq!(error.reason(), Reason::NotAnImage);
    assert!(error.to_string().contains("1.2.840.10008.1.2.9"), "{error}");
}

#[test]
fn limits_are_checked_before_pixels_are_decoded() {
    let bytes = file(&object(12, &slope(640, 480), 640));
    for (setting, value) in [("max_pixels", "300000"), ("max_memory_picture", "50000000")] {
        let error = process(&bytes, 0.9, &[(setting, value)], None).unwrap_err();
        assert_eq!(error.reason(), Reason::TooLarge, "{setting}: {error}");
    }
    let mut data = object(12, &vec![0; 2000 * 2000], 2000);
    data.put_text(tag::SOP_INSTANCE, b"UI", "1.2");
    let bomb = write::file(&data, ending(".1.99")).unwrap();
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    let error = process(&bomb, 0.9, &[("max_bytes_dicom", "1000000")], None).unwrap_err();
    assert!(error.to_string().contains("inflated"), "{error}");
}

#[test]
fn written_objects_are_read_again_in_every_native_syntax() {
    let samples = slope(64, 48);
    let source = object(12, &samples, 64);
    for end in ["", ".1", ".1.99"] {
        let bytes = write::file(&source, ending(end)).unwrap();
        let container = open(&bytes);
        let data = container.data_set().unwrap();
        let frame = Frame::decode(&data, container.syntax, &LIMITS).unwrap();
        assert!(frame.samples == samples, "{end}");
        assert_eq!(data.elements().len(), source.elements().len(), "{end}");
        assert!(bytes.len().is_multiple_of(2) && bytes[..128].iter().all(|b| *b == 0));
    }
}

#[test]
fn sequences_are_read_with_and_without_lengths() {
    let bytes = [
        &[0x08, 0, 0x12, 0x21][..],
        b"SQ\0\0\xff\xff\xff\xff",
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
        b"\x08\0\x55\x11UI\x04\x001.2\0",
        b"\xfe\xff\x0d\xe0\0\0\0\0",
        b"\xfe\xff\x00\xe0\x0c\0\0\0\x08\0\x55\x11UI\x04\x001.3\0",
        b"\xfe\xff\xdd\xe0\0\0\0\0",
    ]
    .concat();
    let mut file = file(&object(12, &slope(8, 8), 8));
    // In ascending order before the pixels, so the reader sorts it.
    file.extend(bytes);
    let container = open(&file);
    let data = container.data_set().unwrap();
    let uids: Vec<_> = data
        .items(tag::SOURCE_IMAGE)
        .iter()
        .map(|item| item.text(tag::REFERENCED_INSTANCE).unwrap())
        .collect();
    assert_eq!(uids, ["1.2", "1.3"]);
    assert!(object::kind(&data).is_ok());
}

#[test]
fn depth_and_number_of_elements_are_bounded() {
    let deep = |levels: usize| {
        let mut bytes = file(&object(12, &slope(8, 8), 8));
        for _ in 0..levels {
            bytes.extend(b"\x08\0\x12\x21SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff");
        }
        for _ in 0..levels {
            bytes.extend(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
        }
        bytes
    };
    assert!(open(&deep(16)).data_set().is_ok());
    for levels in [17, 100_000] {
        let error = open(&deep(levels)).data_set().err().unwrap().to_string();
        assert!(error.contains("nested more than 16 deep"), "{error}");
    }
    let mut many = file(&object(12, &slope(8, 8), 8));
    many.extend(b"\x08\0\x12\x21SQ\0\0\xff\xff\xff\xff");
    for _ in 0..60_000 {
        many.extend(b"\xfe\xff\x00\xe0\0\0\0\0");
    }
    let error = open(&many).data_set().err().unwrap().to_string();
    assert!(error.contains("more than 50000"), "{error}");
}

#[test]
fn attribute_that_is_there_twice_is_damaged() {
    let mut bytes = file(&object(12, &slope(8, 8), 8));
    bytes.extend(b"\x10\0\x20\0LO\x04\0ID 2");
    let error = open(&bytes).data_set().err().unwrap().to_string();
    assert!(error.contains("twice"), "{error}");
}

#[test]
fn pictures_in_which_text_may_be_visible_are_all_windows_and_full_range() {
    let mut data = object(12, &slope(64, 48), 64);
    data.put_text(tag::WINDOW_CENTER, b"DS", "1000\\2000\\1000");
    data.put_text(tag::WINDOW_WIDTH, b"DS", "200\\300\\200");
    let bytes = file(&data);
    let container = open(&bytes);
    let data = container.data_set().unwrap();
    let frame = Frame::decode(&data, container.syntax, &LIMITS).unwrap();
    let tables = Tables::read(&data, &frame).unwrap();
    // The second window, full range, and its inverse.
    assert_eq!(tables.others.len(), 3);
    let levels: Vec<Vec<u8>> = std::iter::once(&tables.shown)
        .chain(&tables.others)
        .map(|t| t.apply(&frame).levels)
        .collect();
    let inverted: Vec<u8> = levels[2].iter().map(|level| 255 - level).collect();
    assert!(
        levels[3]
            .iter()
            .zip(&inverted)
            .all(|(a, b)| a.abs_diff(*b) <= 1)
    );
}
