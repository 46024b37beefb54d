//! The copy under the options of the profile.

use super::*;
use crate::dicom::tests::{keys, object, slope};

const SERIAL: u32 = 0x0018_1000;
const CALIBRATED: u32 = 0x0018_1200;
const STATION: u32 = 0x0008_1010;
const ETHNIC_GROUP: u32 = 0x0010_2160;

/// Returns an object with values for every option, and with these on top.
fn source(more: &[(u32, &Vr, &str)]) -> DataSet<'static> {
    let mut data = object(12, &slope(64, 48), 64);
    for (tag, vr, text) in [
        (SERIAL, b"LO", "SN 77"),
        (CALIBRATED, b"DA", "20200101"),
        (STATION, b"SH", "Room Xaverine"),
        (ETHNIC_GROUP, b"SH", "Martian"),
        (tag::SERIES_DESCRIPTION, b"LO", "CHEST_AP"),
        (0x0903_0010, b"LO", "GEIIS PACS"),
        (0x0903_1010, b"LO", "1"),
        (0x0903_1013, b"LO", "not listed"),
        (0x0008_0201, b"SH", "+0100"),
    ]
    .iter()
    .chain(more)
    {
        data.put_text(*tag, vr, text);
    }
    data
}

fn copy_of(data: &DataSet<'static>, dates: Dates, choices: &str) -> DataSet<'static> {
    let options = Options {
        dates,
        choices: Choices::parse(choices).unwrap(),
    };
    deidentify(data, Kind::Dx, &keys(), &options, Pixels::Clean)
}

/// Checks texts of a copy; `None` means an absent or empty one.
fn check(copy: &DataSet<'_>, expect: &[(u32, Option<&str>)]) {
    for (tag, text) in expect {
        assert_eq!(copy.text(*tag).as_deref(), *text, "{tag:08X}");
    }
}

fn codes(copy: &DataSet<'_>) -> String {
    let codes = copy.items(tag::DEIDENTIFICATION_CODES).iter();
    let codes: Vec<_> = codes
        .filter_map(|code| code.text(tag::CODE_VALUE))
        .collect();
    codes.join(" ")
}

#[test]
fn nothing_of_the_options_stays_without_them() {
    let copy = copy_of(&source(&[]), Dates::Remove, "");
    let tags = [
        SERIAL,
        CALIBRATED,
        STATION,
        ETHNIC_GROUP,
        tag::AGE,
        tag::SEX,
        tag::STUDY_DATE,
        tag::SERIES_DESCRIPTION,
        0x0903_1010,
        0x0008_0201,
    ];
    check(&copy, &tags.map(|tag| (tag, None)));
    assert_eq!(codes(&copy), "113100 113101");
    check(&copy, &[(tag::LONGITUDINAL, Some("REMOVED"))]);
}

#[test]
fn dates_are_kept_or_shifted_alike_for_one_patient() {
    let data = source(&[(0x0008_002A, b"DT", "20200304101112.5+0100")]);
    let kept = copy_of(&data, Dates::Keep, "");
    check(
        &kept,
        &[
            (tag::STUDY_DATE, Some("20200304")),
            (tag::STUDY_TIME, Some("101112")),
            (0x0008_002A, Some("20200304101112.5+0100")),
            (0x0008_0201, Some("+0100")),
            (tag::BIRTH_DATE, None),
            (tag::LONGITUDINAL, Some("UNMODIFIED")),
        ],
    );
    assert_eq!(codes(&kept), "113100 113101 113106");

    let shifted = copy_of(&data, Dates::Shift, "");
    let date = shifted.text(tag::STUDY_DATE).unwrap();
    assert!(
        date.as_str() < "20200304" && date.as_str() >= "20190305",
        "{date}"
    );
    assert_eq!(
        shifted.text(0x0008_002A).unwrap(),
        format!("{date}101112.5+0100")
    );
    check(
        &shifted,
        &[
            (tag::CONTENT_DATE, Some(&date)),
            (tag::STUDY_TIME, Some("101112")),
            (0x0008_0201, None),
            (tag::BIRTH_DATE, None),
            (tag::LONGITUDINAL, Some("MODIFIED")),
        ],
    );
    assert_eq!(codes(&shifted), "113100 113101 113107");
    // The same days for a later exam of the patient, others for another patient.
    let later = source(&[(tag::STUDY_DATE, b"DA", "20200305")]);
    let later = copy_of(&later, Dates::Shift, "")
        .text(tag::STUDY_DATE)
        .unwrap();
    let day = |text: &str| jiff::civil::Date::strptime("%Y%m%d", text).unwrap();
    assert_eq!(day(&date).tomorrow().unwrap(), day(&later));
    let other = source(&[(tag::PATIENT_ID, b"LO", "PID-4712")]);
    assert_ne!(
        copy_of(&other, Dates::Shift, "")
            .text(tag::STUDY_DATE)
            .unwrap(),
        date
    );
    // Nobody's dates are removed, and the copy says so.
    let nobody = copy_of(&source(&[(tag::PATIENT_ID, b"LO", "")]), Dates::Shift, "");
    check(
        &nobody,
        &[
            (tag::STUDY_DATE, None),
            (tag::LONGITUDINAL, Some("REMOVED")),
        ],
    );
    assert_eq!(codes(&nobody), "113100 113101");
}

#[test]
fn characteristics_and_devices_stay_without_names() {
    let of = "retain-patient-characteristics,retain-device-identity";
    let copy = copy_of(&source(&[]), Dates::Remove, of);
    check(
        &copy,
        &[
            (tag::SEX, Some("F")),
            (tag::AGE, Some("003Y")),
            (ETHNIC_GROUP, Some("Martian")),
            (SERIAL, Some("SN 77")),
            (CALIBRATED, Some("20200101")),
            // It holds a part of the patient's name.
            (STATION, None),
            (tag::STUDY_DATE, None),
            (tag::BIRTH_DATE, None),
        ],
    );
    assert_eq!(codes(&copy), "113100 113101 113108 113109");
    let shifted = copy_of(&source(&[]), Dates::Shift, of);
    assert_ne!(shifted.text(CALIBRATED).as_deref(), Some("20200101"));
    assert!(shifted.text(CALIBRATED).is_some());
    let old = source(&[(tag::AGE, b"AS", "097Y")]);
    check(
        &copy_of(&old, Dates::Remove, of),
        &[(tag::AGE, Some("090Y"))],
    );
    let odd = source(&[(tag::AGE, b"AS", "old"), (tag::SEX, b"CS", "Frau Doe")]);
    check(
        &copy_of(&odd, Dates::Remove, of),
        &[(tag::AGE, None), (tag::SEX, None)],
    );
}

#[test]
fn uids_stay_if_they_are_any() {
    let data = source(&[(tag::SERIES_INSTANCE, b"UI", "1.2.Doe")]);
    let copy = copy_of(&data, Dates::Remove, "retain-uids");
    check(
        &copy,
        &[
            (tag::SOP_INSTANCE, Some("1.2.3.4.5")),
            (tag::STUDY_INSTANCE, Some("1.2.3")),
        ],
    );
    let series = copy.text(tag::SERIES_INSTANCE).unwrap();
    assert!(series.starts_with("2.25."), "{series}");
    assert_eq!(codes(&copy), "113100 113101 113110");
}

/// A DX object has to name its performed procedure step, if there is one.
#[test]
fn references_of_a_required_sequence_stay_and_nothing_beside_them() {
    let mut data = source(&[]);
    let mut item = DataSet::new();
    item.put_text(tag::REFERENCED_CLASS, b"UI", "1.2.840.10008.3.1.2.3.3");
    item.put_text(tag::REFERENCED_INSTANCE, b"UI", "1.2.3.4.9");
    item.put_text(tag::CODE_MEANING, b"LO", "Chest of Doe");
    let empty = DataSet::new();
    data.put_items(tag::REFERENCED_PROCEDURE_STEP, vec![item, empty]);
    let step = |options| {
        let copy = copy_of(&data, Dates::Remove, options);
        let items = copy.items(tag::REFERENCED_PROCEDURE_STEP);
        let [item] = items else {
            panic!("{} items", items.len())
        };
        assert_eq!(item.elements().len(), 2);
        item.text(tag::REFERENCED_INSTANCE).unwrap()
    };
    let replaced = step("");
    assert!(replaced.starts_with("2.25."), "{replaced}");
    assert_eq!(step("retain-uids"), "1.2.3.4.9");
}

#[test]
fn private_attributes_stay_only_from_the_standards_table() {
    let copy = copy_of(&source(&[]), Dates::Remove, "retain-safe-private");
    check(
        &copy,
        &[
            (0x0903_0010, Some("GEIIS PACS")),
            (0x0903_1010, Some("1")),
            (0x0903_1013, None),
        ],
    );
    assert_eq!(codes(&copy), "113100 113101 113111");
    let named = source(&[(0x0903_1010, b"LO", "Xaverine")]);
    let copy = copy_of(&named, Dates::Remove, "retain-safe-private");
    check(&copy, &[(0x0903_1010, None)]);
}

#[test]
fn descriptors_stay_only_from_the_list() {
    let copy = copy_of(&source(&[]), Dates::Remove, "clean-descriptors");
    check(
        &copy,
        &[
            (tag::SERIES_DESCRIPTION, Some("CHEST_AP")),
            // "Chest of Quizzenburg".
            (tag::STUDY_DESCRIPTION, None),
        ],
    );
    assert_eq!(codes(&copy), "113100 113101 113105");
}

#[test]
fn further_covers_leave_the_options_that_a_copy_names() {
    let mut copy = copy_of(&source(&[]), Dates::Keep, "retain-uids");
    redeclare(&mut copy, Pixels::Doubtful);
    assert_eq!(codes(&copy), "113100 113106 113110");
    redeclare(&mut copy, Pixels::Clean);
    assert_eq!(codes(&copy), "113100 113101 113106 113110");
    let methods = copy.texts(tag::DEIDENTIFICATION_METHOD);
    assert_eq!(
        methods,
        [
            "PS3.15 Basic Profile",
            "Clean Pixel Data",
            "Retain Full Dates",
            "Retain UIDs"
        ]
    );
}
