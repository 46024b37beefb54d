//! The copy's data set.

use super::*;
use crate::dicom::tests::{ID, NAME, ending, file, keys, object, open, options, slope};

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

fn item(elements: &[(u32, &Vr, &str)]) -> DataSet<'static> {
    let mut item = DataSet::new();
    for (tag, vr, text) in elements {
        item.put_text(*tag, vr, text);
    }
    item
}

#[test]
fn identifiers_are_removed_at_every_depth() {
    let mut data = object(12, &slope(64, 48), 64);
    // Descriptions, names, dates and UIDs in sequences of sequences, as a code's context.
    let leaf = item(&[
        (tag::PATIENT_NAME, b"PN", NAME),
        (tag::STUDY_DESCRIPTION, b"LO", "Quizzenburg"),
        (tag::CODE_MEANING, b"LO", "Chest of Quizzenburg"),
        (tag::REFERENCED_INSTANCE, b"UI", "1.2.3.4.5"),
        (tag::STUDY_DATE, b"DA", "20200304"),
        (0x0009_0010, b"LO", "SECRETS of Xaverine"),
        (tag::CODE_VALUE, b"SH", "T-D3000"),
    ]);
    let mut nested = leaf;
    for _ in 0..4 {
        let mut outer = DataSet::new();
        outer.put_items(0x0040_0440, vec![nested]);
        nested = outer;
    }
    data.put_items(tag::ANATOMIC_REGION, vec![nested]);
    for (tag, vr, text) in [
        (0x0009_0010, b"LO", "SECRETS"),
        (0x0009_1001, b"LO", NAME),
        (0x5000_0022, b"LO", "a curve of Xaverine"),
        (0x6000_1500, b"LO", "an overlay of Xaverine"),
        (0x0008_9998, b"LO", "unknown to the standard, Xaverine"),
        // In another representation than the standard's, so that a rule by it would miss it.
        (tag::STUDY_ID, b"LO", "Xaverine"),
        (tag::BODY_PART, b"LO", "Xaverine"),
        (tag::MANUFACTURER, b"LO", "Invented by Dr. XAVERINE"),
        (tag::MODEL_NAME, b"LO", "Model 7"),
    ] {
        data.put_text(tag, vr, text);
    }
    let copy = deidentify(&data, Kind::Dx, &keys(), &options(), Pixels::Clean);
    let bytes = file(&copy);
    for text in [
        "Quizzenburg",
        "Xaverine",
        "XAVERINE",
        ID,
        "4711",
        "20200304",
        "101112",
        "20170102",
        "003Y",
        "SECRETS",
        "1.2.3.4",
    ] {
        assert!(!holds(&bytes, text), "{text}");
    }
    assert!(holds(&bytes, "T-D3000") && holds(&bytes, "Model 7"));
    for (tag, expect) in [
        (tag::IDENTITY_REMOVED, "YES"),
        (tag::BURNED_IN, "NO"),
        (tag::LONGITUDINAL, "REMOVED"),
        (tag::PHOTOMETRIC, "MONOCHROME2"),
    ] {
        assert_eq!(copy.text(tag).as_deref(), Some(expect));
    }
    // Type 2 in every object.
    for tag in [tag::STUDY_DATE, tag::BIRTH_DATE, tag::ACCESSION_NUMBER] {
        assert_eq!(copy.bytes(tag), Some(&[][..]), "{tag:08X}");
    }
}

#[test]
fn free_texts_and_attributes_of_other_modules_are_removed() {
    let local = item(&[
        (tag::CODE_VALUE, b"SH", "WARD7"),
        (tag::CODING_SCHEME, b"SH", "99HOSPITAL"),
        (tag::CODE_MEANING, b"LO", "Chest for ward 7"),
    ]);
    let standard = item(&[
        (tag::CODE_VALUE, b"SH", "51185008"),
        (tag::CODING_SCHEME, b"SH", "SCT"),
        (tag::CODE_MEANING, b"LO", "Chest"),
    ]);
    let mut data = object(12, &slope(64, 48), 64);
    data.put_items(tag::ANATOMIC_REGION, vec![local, standard]);
    let encrypted = item(&[(0x0400_0520, b"OB", "encrypted")]);
    data.put_items(0x0400_0500, vec![encrypted]);
    for (tag, vr, text) in [
        // The birth date in another calendar, an address, a comment: texts of the objects' modules.
        (0x0010_0033, b"LO", "1438-04-04"),
        (0x0008_1190, b"UR", "http://pacs.example/4242"),
        (0x0028_1055, b"LO", "for ward 7"),
        // Of other modules: orders, a scheduled step's comment.
        (0x0040_2006, b"SH", "ORDER4242"),
        (0x0040_0400, b"LT", "in ward 7"),
        // Without the form of their representations.
        (tag::BODY_PART, b"CS", "chest, ward 7"),
        (0x0018_0060, b"DS", "ward 7"),
        (tag::REFERRING_PHYSICIAN, b"PN", "Quack^Quirin"),
        (tag::MANUFACTURER, b"LO", "Made for Dr. Quack"),
        (tag::WINDOW_CENTER, b"DS", "2048.00000000000001"),
        (0x0020_0052, b"UI", "1.2.840.10008.4242"),
    ] {
        data.put_text(tag, vr, text);
    }
    let bytes = file(&deidentify(
        &data,
        Kind::Dx,
        &keys(),
        &options(),
        Pixels::Clean,
    ));
    for text in [
        "ard 7",
        "WARD7",
        "4242",
        "1438",
        "encrypted",
        "Quack",
        "Quirin",
    ] {
        assert!(!holds(&bytes, text), "{text}");
    }
    for text in ["51185008", "SCT", "Chest", "2048.00000000000001"] {
        assert!(holds(&bytes, text), "{text}");
    }
}

#[test]
fn numbers_of_the_patient_do_not_empty_terms() {
    let mut data = object(12, &slope(64, 48), 64);
    data.put_text(tag::CHARACTER_SET, b"CS", "ISO_IR 100");
    data.put_text(tag::PATIENT_ID, b"LO", "100");
    data.put_text(tag::PATIENT_NAME, b"PN", "Monochrome2^Dee");
    data.put_text(tag::MODEL_NAME, b"LO", "Model 1001");
    let copy = deidentify(&data, Kind::Dx, &keys(), &options(), Pixels::Clean);
    for (tag, expect) in [
        (tag::CHARACTER_SET, Some("ISO_IR 100")),
        (tag::PHOTOMETRIC, Some("MONOCHROME2")),
        (tag::MODEL_NAME, None),
    ] {
        assert_eq!(copy.text(tag).as_deref(), expect);
    }
}

#[test]
fn references_among_objects_hold_in_their_copies() {
    let mut first = object(12, &slope(64, 48), 64);
    let reference = item(&[(tag::REFERENCED_INSTANCE, b"UI", "1.2.3.4.5")]);
    first.put_items(0x0008_1250, vec![reference]);
    let copy = deidentify(&first, Kind::Dx, &keys(), &options(), Pixels::Clean);
    let instance = copy.text(tag::SOP_INSTANCE).unwrap();
    assert!(instance.starts_with("2.25."));
    assert_eq!(copy.text(tag::SOP_CLASS), first.text(tag::SOP_CLASS));
    let referenced = copy.items(0x0008_1250)[0].text(tag::REFERENCED_INSTANCE);
    assert_eq!(referenced.as_ref(), Some(&instance));
    // The meta information names the new instance.
    let bytes = file(&copy);
    assert_eq!(
        bytes
            .windows(instance.len())
            .filter(|w| *w == instance.as_bytes())
            .count(),
        3
    );
    // The same patient has the same pseudonym, as in the names of anonymized pictures.
    let again = deidentify(
        &object(12, &slope(8, 8), 8),
        Kind::Cr,
        &keys(),
        &options(),
        Pixels::Clean,
    );
    assert_eq!(copy.text(tag::PATIENT_ID), again.text(tag::PATIENT_ID));
    assert_eq!(copy.text(tag::PATIENT_ID).unwrap().len(), 16);
}

#[test]
fn big_endian_copies_are_read_as_they_were() {
    let source = object(12, &slope(64, 48), 64);
    let mut data = DataSet::new();
    data.is_big = true;
    for element in source.elements() {
        let numbers = source.u16s(element.tag);
        match &element.vr {
            b"US" => data.put_u16(element.tag, &numbers),
            _ => data.put(element.clone()),
        }
    }
    let copy = deidentify(&data, Kind::Dx, &keys(), &options(), Pixels::Clean);
    let bytes = crate::dicom::write::file(&copy, ending(".2")).unwrap();
    let read = open(&bytes);
    let read = read.data_set().unwrap();
    assert_eq!(read.u16(tag::ROWS), Some(48));
    let codes = read.items(tag::DEIDENTIFICATION_CODES);
    assert_eq!(codes.len(), 2);
    assert_eq!(codes[1].text(tag::CODE_VALUE).as_deref(), Some("113101"));
}

#[test]
fn only_searched_pixels_are_called_clean() {
    let codes = |copy: &DataSet<'_>| {
        let codes = copy.items(tag::DEIDENTIFICATION_CODES).iter();
        let values: Vec<_> = codes.filter_map(|c| c.text(tag::CODE_VALUE)).collect();
        values.join(" ")
    };
    let data = object(12, &slope(64, 48), 64);
    let unsearched = deidentify(&data, Kind::Dx, &keys(), &options(), Pixels::Unsearched);
    assert_eq!(codes(&unsearched), "113100");
    assert_eq!(unsearched.text(tag::BURNED_IN), None);
    let clean = file(&deidentify(
        &data,
        Kind::Dx,
        &keys(),
        &options(),
        Pixels::Clean,
    ));
    let read = open(&clean);
    let read = read.data_set().unwrap();
    assert_eq!(codes(&read), "113100 113101");
    assert_eq!(read.text(tag::BURNED_IN).as_deref(), Some("NO"));
    let doubtful = doubtful(&clean).unwrap();
    let marked = open(&doubtful);
    let marked = marked.data_set().unwrap();
    assert_eq!(codes(&marked), "113100");
    assert_eq!(marked.text(tag::BURNED_IN).as_deref(), Some("YES"));
    assert_eq!(marked.bytes(tag::PIXEL_DATA), read.bytes(tag::PIXEL_DATA));
}
