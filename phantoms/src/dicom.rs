//! Pictures as DICOM objects: Digital X-Ray, 12 bit, explicit little endian, with an invented
//! patient in every attribute in which hospitals write one.

use image::GrayImage;

use crate::patient::Patient;

/// Root of UIDs that are made of a number (PS3.5, B.2).
const ROOT: &str = "2.25.";
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
const STUDY: u32 = 1;
const SERIES: u32 = 2;
const INSTANCE: u32 = 3;
const ORDER: u32 = 4;

/// Writes a picture as an object of this patient.
pub(crate) fn encode(picture: &GrayImage, patient: &Patient) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    let meta = meta(patient).0;
    let mut length = Elements::default();
    length.put(0x0002_0000, "UL", &(meta.len() as u32).to_le_bytes());
    out.extend(length.0);
    out.extend(meta);
    out.extend(data_set(picture, patient).0);
    out
}

/// Elements in explicit little endian.
#[derive(Default)]
struct Elements(Vec<u8>);

impl Elements {
    fn put(&mut self, tag: u32, vr: &str, value: &[u8]) {
        let out = &mut self.0;
        out.extend(((tag >> 16) as u16).to_le_bytes());
        out.extend((tag as u16).to_le_bytes());
        out.extend(vr.as_bytes());
        let length = value.len().next_multiple_of(2);
        if matches!(vr, "OB" | "OW" | "SQ" | "UN") {
            out.extend([0, 0]);
            out.extend((length as u32).to_le_bytes());
        } else {
            out.extend((length as u16).to_le_bytes());
        }
        out.extend(value);
        if value.len() % 2 == 1 {
            out.push(if vr == "UI" { 0 } else { b' ' });
        }
    }

    fn text(&mut self, tag: u32, vr: &str, text: &str) {
        self.put(tag, vr, text.as_bytes());
    }

    fn number(&mut self, tag: u32, number: u16) {
        self.put(tag, "US", &number.to_le_bytes());
    }

    /// Puts a coded concept.
    fn code(&mut self, tag: u32, value: &str, meaning: &str) {
        let mut code = Elements::default();
        code.text(0x0008_0100, "SH", value);
        code.text(0x0008_0102, "SH", "SCT");
        code.text(0x0008_0104, "LO", meaning);
        self.item(tag, &code);
    }

    /// Puts a sequence of one item.
    fn item(&mut self, tag: u32, item: &Elements) {
        let mut value = vec![0xFE, 0xFF, 0x00, 0xE0];
        value.extend((item.0.len() as u32).to_le_bytes());
        value.extend(&item.0);
        self.put(tag, "SQ", &value);
    }
}

/// Returns a UID: the same for the same patient.
fn uid(patient: &Patient, part: u32) -> String {
    let digits: String = patient.exam.split('-').collect();
    format!("{ROOT}{}{digits}{part}", patient.id)
}

fn meta(patient: &Patient) -> Elements {
    let mut meta = Elements::default();
    meta.put(0x0002_0001, "OB", &[0, 1]);
    meta.text(0x0002_0002, "UI", CLASS);
    meta.text(0x0002_0003, "UI", &uid(patient, INSTANCE));
    meta.text(0x0002_0010, "UI", EXPLICIT_LITTLE_ENDIAN);
    meta.text(0x0002_0012, "UI", "2.25.305419896");
    meta
}

fn data_set(picture: &GrayImage, patient: &Patient) -> Elements {
    let (first, last) = patient.name.split_once(' ').unwrap_or((&patient.name, ""));
    let (name, id) = (format!("{last}^{first}"), &patient.id);
    let date = |text: &str| text.replace('-', "");
    let (birth, exam) = (date(&patient.birth), date(&patient.exam));
    let mut order = Elements::default();
    order.text(0x0020_000D, "UI", &uid(patient, ORDER));
    order.text(
        0x0032_1060,
        "LO",
        &format!("Chest X-ray of {}", patient.name),
    );
    order.text(0x0040_0007, "LO", &format!("AP, {last} waits in room 3"));
    order.text(0x0040_1001, "SH", &format!("ORD{id}"));

    let mut data = Elements::default();
    data.text(0x0008_0005, "CS", "ISO_IR 100");
    data.text(0x0008_0008, "CS", "ORIGINAL\\PRIMARY\\");
    data.text(0x0008_0016, "UI", CLASS);
    data.text(0x0008_0018, "UI", &uid(patient, INSTANCE));
    for tag in [0x0008_0020, 0x0008_0022, 0x0008_0023] {
        data.text(tag, "DA", &exam);
    }
    for tag in [0x0008_0030, 0x0008_0032, 0x0008_0033] {
        data.text(tag, "TM", "101500");
    }
    data.text(0x0008_0050, "SH", &format!("ACC{id}"));
    data.text(0x0008_0060, "CS", "DX");
    data.text(0x0008_0068, "CS", "FOR PRESENTATION");
    data.text(0x0008_0070, "LO", "Phantoms");
    data.text(0x0008_0080, "LO", "Invented Hospital");
    data.text(0x0008_0081, "ST", "1 Invented Street");
    data.text(0x0008_0090, "PN", "Referrer^Rita");
    data.text(0x0008_1010, "SH", "STATION7");
    data.text(0x0008_1030, "LO", &format!("Chest of {}", patient.name));
    data.text(0x0008_103E, "LO", &format!("AP {last}"));
    data.text(0x0008_1050, "PN", "Performer^Paul");
    data.text(0x0008_1070, "PN", "Operator^Olga");
    data.code(0x0008_2218, "51185008", "Chest");
    data.text(0x0010_0010, "PN", &name);
    data.text(0x0010_0020, "LO", id);
    data.text(0x0010_0030, "DA", &birth);
    data.text(0x0010_0040, "CS", "O");
    data.text(0x0010_1000, "LO", &format!("{id}\\OLD{id}"));
    data.text(0x0010_1010, "AS", &format!("{:03}Y", patient.age()));
    data.text(0x0010_1040, "LO", &format!("{last}, 2 Invented Street"));
    data.text(0x0010_2154, "SH", &format!("555 {id}"));
    data.text(
        0x0010_4000,
        "LT",
        &format!("Mother of {first} waits outside"),
    );
    data.text(0x0018_0015, "CS", "CHEST");
    data.text(0x0018_1000, "LO", "SERIAL12345");
    data.text(0x0018_1030, "LO", &format!("Chest AP {first}"));
    data.text(0x0018_1164, "DS", "0.2\\0.2");
    data.text(0x0018_1508, "CS", "NONE");
    data.text(0x0018_5101, "CS", "AP");
    data.text(0x0018_7004, "CS", "DIRECT");
    data.text(0x0020_000D, "UI", &uid(patient, STUDY));
    data.text(0x0020_000E, "UI", &uid(patient, SERIES));
    data.text(0x0020_0010, "SH", &format!("ST{id}"));
    data.text(0x0020_0011, "IS", "1");
    data.text(0x0020_0013, "IS", "1");
    data.text(0x0020_0020, "CS", "L\\F");
    data.text(0x0020_0062, "CS", "U");
    data.text(0x0020_4000, "LT", &format!("Repeated, {first} moved"));
    data.number(0x0028_0002, 1);
    data.text(0x0028_0004, "CS", "MONOCHROME2");
    data.number(0x0028_0010, picture.height() as u16);
    data.number(0x0028_0011, picture.width() as u16);
    data.number(0x0028_0100, 16);
    data.number(0x0028_0101, 12);
    data.number(0x0028_0102, 11);
    data.number(0x0028_0103, 0);
    data.text(0x0028_0301, "CS", "YES");
    data.text(0x0028_1040, "CS", "LOG");
    // Lower samples are of more X-rays.
    data.put(0x0028_1041, "SS", &(-1i16).to_le_bytes());
    data.text(0x0028_1050, "DS", "2048");
    data.text(0x0028_1051, "DS", "4096");
    data.text(0x0028_1052, "DS", "0");
    data.text(0x0028_1053, "DS", "1");
    data.text(0x0028_1054, "LO", "US");
    data.text(0x0028_2110, "CS", "00");
    data.text(0x0029_0010, "LO", "PHANTOMS");
    data.text(0x0029_1001, "LO", &format!("{name} {id}"));
    data.item(0x0040_0275, &order);
    data.put(0x0040_0555, "SQ", &[]);
    data.code(0x0054_0220, "399348003", "antero-posterior");
    data.text(0x2050_0020, "CS", "IDENTITY");
    let samples = picture.as_raw().iter().map(|level| u16::from(*level) << 4);
    let samples: Vec<u8> = samples.flat_map(u16::to_le_bytes).collect();
    data.put(0x7FE0_0010, "OW", &samples);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_in_order_and_whole() {
        let patient = Patient {
            name: "Ada Holt".into(),
            id: "4711".into(),
            birth: "2014-05-06".into(),
            exam: "2017-03-04".into(),
        };
        let bytes = encode(
            &GrayImage::from_fn(6, 4, |x, y| [(x * y) as u8].into()),
            &patient,
        );
        assert_eq!(&bytes[128..132], b"DICM");
        let (mut at, mut last) = (132, 0);
        while at < bytes.len() {
            let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let tag = u32::from(word(at)) << 16 | u32::from(word(at + 2));
            assert!(tag > last, "{tag:08X} after {last:08X}");
            last = tag;
            let is_long = matches!(&bytes[at + 4..at + 6], b"OB" | b"OW" | b"SQ");
            let (value, length) = match is_long {
                true => (
                    at + 12,
                    u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()),
                ),
                false => (at + 8, u32::from(word(at + 6))),
            };
            assert_eq!(length % 2, 0, "{tag:08X}");
            if tag == 0x0010_1010 {
                assert_eq!(&bytes[value..value + 4], b"002Y");
            }
            at = value + length as usize;
        }
        assert_eq!((at, last), (bytes.len(), 0x7FE0_0010));
    }
}
