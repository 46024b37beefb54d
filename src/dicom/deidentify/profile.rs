//! The Basic Profile of PS3.15: the action on each attribute.
//!
//! `tests/dicom/tables.py` makes the table; its lines have one length, so that it is searched as it
//! is.

use crate::dicom::object::Kind;

static TABLE: &[u8] = include_bytes!("profile.txt");
const LINE: usize = 23;

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

/// An option that treats an attribute otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    /// Retain UIDs.
    Uid,
    /// Retain Device Identity.
    Device,
    /// Retain Patient Characteristics.
    Patient,
    /// Retain Longitudinal Temporal Information.
    Time,
    /// Clean Descriptors.
    Descriptor,
}

/// The line of an attribute that the table lists.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) action: Action,
    letters: [u8; 5],
}

impl Rule {
    /// Reports whether the option is about the attribute.
    pub(super) fn is_of(&self, letter: Letter) -> bool {
        self.letters[letter as usize] != b'-'
    }
}

/// Returns the rule for an attribute of an object of this kind; `None` if the table doesn't list
/// it.
pub(super) fn rule(tag: u32, kind: Kind) -> Option<Rule> {
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
    let action = match lines[at][column] {
        b'U' => Action::ReplaceUid,
        b'D' => Action::Dummy,
        b'Z' => Action::Empty,
        // Also for a letter that the table can't have.
        _ => Action::Remove,
    };
    let letters = *lines[at][17..].first_chunk()?;
    Some(Rule { action, letters })
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
            let action = rule(tag, Kind::Dx).map(|rule| rule.action);
            assert_eq!(action, expect, "{tag:08X}");
        }
        let action = |tag, kind| rule(tag, kind).map(|rule| rule.action);
        // Type 1 in DX only.
        assert_eq!(action(0x0008_1111, Kind::Dx), Some(Action::Dummy));
        assert_eq!(action(0x0008_1111, Kind::Cr), Some(Action::Remove));
        assert_eq!(TABLE.len() % LINE, 0);
        assert_eq!(TABLE.len() / LINE, 714);
    }

    #[test]
    fn options_are_those_of_the_table() {
        for (tag, letter) in [
            (tag::STUDY_INSTANCE, Letter::Uid),
            (tag::SEX, Letter::Patient),
            (0x0018_1000, Letter::Device),
            (tag::STUDY_DATE, Letter::Time),
            (tag::STUDY_DESCRIPTION, Letter::Descriptor),
        ] {
            let rule = rule(tag, Kind::Dx).unwrap();
            assert!(rule.is_of(letter), "{tag:08X}");
            assert_eq!(rule.letters.iter().filter(|l| **l != b'-').count(), 1);
        }
    }
}
