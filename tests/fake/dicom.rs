//! A DX object of an invented patient, explicit little endian, written byte by byte.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub const NAME: &str = "Quizzenburg^Xaverine";
pub const ID: &str = "PID-4711-X";

fn element(out: &mut Vec<u8>, tag: u32, vr: &str, value: &[u8]) {
    out.extend(((tag >> 16) as u16).to_le_bytes());
    out.extend((tag as u16).to_le_bytes());
    out.extend(vr.as_bytes());
    let padded = value.len() + value.len() % 2;
    if vr == "OW" {
        out.extend([0, 0]);
        out.extend((padded as u32).to_le_bytes());
    } else {
        out.extend((padded as u16).to_le_bytes());
    }
    out.extend(value);
    if value.len() % 2 == 1 {
        out.push(if vr == "UI" { 0 } else { b' ' });
    }
}

/// Writes 12 bit samples with this age of the patient, as in `003Y`.
pub fn object(width: u16, height: u16, age: &str, sample: impl Fn(u32, u32) -> u16) -> Vec<u8> {
    let mut out = header(width, height, 12, age, b"1.2.840.10008.1.2.1");
    let samples: Vec<u8> = (0..u32::from(width) * u32::from(height))
        .flat_map(|i| sample(i % u32::from(width), i / u32::from(width)).to_le_bytes())
        .collect();
    element(&mut out, 0x7FE0_0010, "OW", &samples);
    out
}

/// Writes an object of 12 bit samples that are compressed to this stream.
pub fn compressed(width: u16, height: u16, syntax: &[u8], stream: &[u8]) -> Vec<u8> {
    compressed_bits(width, height, 12, syntax, stream)
}

/// Writes an object whose samples, with so many bits, are compressed to this stream.
pub fn compressed_bits(width: u16, height: u16, bits: u8, syntax: &[u8], stream: &[u8]) -> Vec<u8> {
    let mut out = header(width, height, bits, "003Y", syntax);
    out.extend(b"\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF");
    for item in [&[][..], stream] {
        out.extend(b"\xFE\xFF\x00\xE0");
        out.extend((item.len().next_multiple_of(2) as u32).to_le_bytes());
        out.extend(item);
        out.resize(out.len().next_multiple_of(2), 0);
    }
    out.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    out
}

/// Writes all but the pixel data.
pub fn header(width: u16, height: u16, bits: u8, age: &str, syntax: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    let (rows, columns) = (height.to_le_bytes(), width.to_le_bytes());
    let class = b"1.2.840.10008.5.1.4.1.1.1.1";
    for (tag, vr, value) in [
        (0x0002_0002, "UI", &class[..]),
        (0x0002_0003, "UI", b"1.2.3.4.5"),
        (0x0002_0010, "UI", syntax),
        (0x0008_0016, "UI", class),
        (0x0008_0018, "UI", b"1.2.3.4.5"),
        (0x0008_0020, "DA", b"20200304"),
        (0x0008_0060, "CS", b"DX"),
        (0x0008_0068, "CS", b"FOR PRESENTATION"),
        (0x0010_0010, "PN", NAME.as_bytes()),
        (0x0010_0020, "LO", ID.as_bytes()),
        (0x0010_0030, "DA", b"20170102"),
        (0x0010_1010, "AS", age.as_bytes()),
        (0x0018_5101, "CS", b"AP"),
        (0x0020_000D, "UI", b"1.2.3"),
        (0x0020_000E, "UI", b"1.2.3.4"),
        (0x0028_0002, "US", &[1, 0]),
        (0x0028_0004, "CS", b"MONOCHROME2"),
        (0x0028_0010, "US", &rows),
        (0x0028_0011, "US", &columns),
        (0x0028_0100, "US", &[if bits == 8 { 8 } else { 16 }, 0]),
        (0x0028_0101, "US", &[bits, 0]),
        (0x0028_0102, "US", &[bits - 1, 0]),
        (0x0028_0103, "US", &[0, 0]),
        (0x0028_1050, "DS", b"2048"),
        (0x0028_1051, "DS", b"4096"),
    ] {
        element(&mut out, tag, vr, value);
    }
    out
}
