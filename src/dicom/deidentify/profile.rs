//! The Basic Profile of PS3.15: the action on each attribute.
//!
//! `tests/dicom/tables.py` makes the table; its lines have one length, so that it is searched as it
//! is.

use crate::dicom::object::Kind;

static TABLE: &[u8] = include_bytes!("profile.txt");
const LINE: usize = 17;

/// Action of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Remove it.
    Remove,
    /// Empty it.
    Empty,
    /// Give it a value that means nothing.
    Dummy,
    /// Replace its UIDs.
    ReplaceUid,
}

/// Returns the action on an attribute of an object of this kind; `None` if the table doesn't list
/// it.
pub(crate) fn action(tag: u32, kind: Kind) -> Option<Action> {
    let (lines, _) = TABLE.as_chunks::<LINE>();
    let key = format!("{tag:08X}");
    let at = lines
        .binary_search_by(|line| line[..8].cmp(key.as_bytes()))
        .ok()?;
    let column = match kind {
        Kind::Cr => 13,
        Kind::Dx => 14,
        Kind::Sc => 15,
    };
    Some(match lines[at][column] {
        b'U' => Action::ReplaceUid,
        b'D' => Action::Dummy,
        b'Z' => Action::Empty,
        // Also for a letter that the table can't have.
        _ => Action::Remove,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::attributes as tag;

    #[test]
    fn actions_are_those_of_the_table() {
        for (tag, expect) in [
            (tag::STUDY_INSTANCE, Some(Action::ReplaceUid)),
            (tag::STUDY_DATE, Some(Action::Empty)),
            (tag::STUDY_DESCRIPTION, Some(Action::Remove)),
            (tag::PATIENT_NAME, Some(Action::Empty)),
            (tag::ROWS, None),
            (tag::PHOTOMETRIC, None),
        ] {
            assert_eq!(action(tag, Kind::Dx), expect, "{tag:08X}");
        }
        // Type 1 in DX only.
        assert_eq!(action(0x0008_1111, Kind::Dx), Some(Action::Dummy));
        assert_eq!(action(0x0008_1111, Kind::Cr), Some(Action::Remove));
        assert_eq!(TABLE.len() % LINE, 0);
        assert_eq!(TABLE.len() / LINE, 714);
    }
}
