//! The attributes in the modules of the objects that are read (PS3.3), and their value
//! representations (PS3.6).
//!
//! `tests/dicom/tables.py` makes the table; its lines have one length, so that it is searched as it
//! is.

use super::element::Vr;

static TABLE: &[u8] = include_bytes!("dictionary.txt");
const LINE: usize = 11;

/// Returns the value representation of an attribute; `None` for private and other ones.
pub(crate) fn vr(tag: u32) -> Option<Vr> {
    // Group lengths are in no table.
    if tag & 0xFFFF == 0 {
        return Some(*b"UL");
    }
    let (lines, _) = TABLE.as_chunks::<LINE>();
    let key = format!("{tag:08X}");
    let at = lines.binary_search_by(|line| line[..8].cmp(key.as_bytes()));
    at.ok().map(|at| [lines[at][8], lines[at][9]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::attributes as tag;

    #[test]
    fn attributes_have_their_representations() {
        for (tag, expect) in [
            (tag::PATIENT_NAME, Some(*b"PN")),
            (tag::PIXEL_DATA, Some(*b"OW")),
            (tag::VOI_LUT, Some(*b"SQ")),
            (tag::ROWS, Some(*b"US")),
            (0x0009_0010, None),
            (0x0010_0000, Some(*b"UL")),
            (0xFFFF_FFFF, None),
        ] {
            assert_eq!(vr(tag), expect, "{tag:08X}");
        }
        assert_eq!(TABLE.len() % LINE, 0);
    }
}
