//! The offset of a partition that may be committed.

use std::collections::VecDeque;

/// Tracks the dispatched records of one partition, and finds the contiguous prefix that is
/// finished.
///
/// Offsets may have gaps: transaction markers and compacted records have offsets too, but are
/// never delivered.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    /// Offset, and whether the record is finished, in the order of dispatch. The first one is not.
    open: VecDeque<(i64, bool)>,
    /// Number of unfinished records in `open`.
    unfinished: usize,
    last_begun: Option<i64>,
    /// Offsets and fingerprints of the last records that were begun.
    recent: VecDeque<(i64, u64)>,
    next: Option<i64>,
    committed: Option<i64>,
}

/// Number of records that are told from other records at their offsets.
const REMEMBERED: usize = 1024;

/// Result of [`OffsetTracker::begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The record has to be delivered.
    New,
    /// The same record was begun before: a client fetched again after a reconnect.
    Repeated,
    /// The offset was passed already, but not by this record: the log was replaced.
    Fallen,
}

impl OffsetTracker {
    /// Creates the tracker of a log that is read from `offset`, which is committed even if no
    /// record follows: the committed offset may be one of the log before.
    pub(crate) fn starting_at(offset: i64) -> Self {
        Self {
            next: Some(offset),
            ..Self::default()
        }
    }

    /// Begins a record. `fingerprint` tells it from another record at the same offset.
    pub(crate) fn begin(&mut self, offset: i64, fingerprint: u64) -> Begun {
        if self.last_begun.is_some_and(|last| offset <= last) {
            let found = self.recent.binary_search_by_key(&offset, |entry| entry.0);
            let is_same = found.is_ok_and(|index| self.recent[index].1 == fingerprint);
            return if is_same {
                Begun::Repeated
            } else {
                Begun::Fallen
            };
        }
        self.last_begun = Some(offset);
        self.open.push_back((offset, false));
        self.unfinished += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((offset, fingerprint));
        Begun::New
    }

    /// Notes that no record before `offset` is left to begin, so that it can be committed when all
    /// are finished.
    pub(crate) fn read_up_to(&mut self, offset: i64) {
        if self.open.is_empty() {
            self.next = self.next.max(Some(offset));
        }
    }

    /// Marks a record as finished.
    pub(crate) fn finish(&mut self, offset: i64) {
        let found = self.open.binary_search_by_key(&offset, |entry| entry.0);
        let Some(entry) = found.ok().and_then(|index| self.open.get_mut(index)) else {
            return;
        };
        if entry.1 {
            return;
        }
        entry.1 = true;
        self.unfinished -= 1;
        while let Some((offset, true)) = self.open.front() {
            self.next = Some(offset + 1);
            self.open.pop_front();
        }
    }

    /// Returns the number of records that are begun and not finished.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Returns the number of records from the oldest unfinished one on.
    pub(crate) fn span(&self) -> usize {
        self.open.len()
    }

    /// Returns the offset to commit, unless it is committed already.
    pub(crate) fn due(&self) -> Option<i64> {
        self.next.filter(|next| Some(*next) != self.committed)
    }

    /// Marks an offset as committed. Offsets lower than the last are ignored.
    pub(crate) fn committed(&mut self, offset: i64) {
        self.committed = self.committed.max(Some(offset));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offset_is_due_only_without_a_gap_before_it() {
        let mut offsets = OffsetTracker::default();
        for offset in [5, 6, 9, 10] {
            assert_eq!(offsets.begin(offset, 7), Begun::New);
        }
        assert_eq!(offsets.begin(9, 7), Begun::Repeated);
        assert_eq!(offsets.due(), None);
        offsets.finish(6);
        offsets.finish(10);
        offsets.finish(7);
        assert_eq!((offsets.due(), offsets.unfinished()), (None, 2));
        offsets.finish(5);
        assert_eq!(offsets.due(), Some(7));
        offsets.committed(7);
        assert_eq!(offsets.due(), None);
        offsets.finish(9);
        assert_eq!((offsets.due(), offsets.unfinished()), (Some(11), 0));
    }

    #[test]
    fn lower_offset_is_a_repetition_only_with_the_same_record() {
        let mut offsets = OffsetTracker::default();
        for offset in 5..10 {
            offsets.begin(offset, 7);
        }
        assert_eq!(offsets.begin(6, 7), Begun::Repeated);
        assert_eq!(offsets.begin(6, 8), Begun::Fallen, "another record");
        assert_eq!(offsets.begin(0, 7), Begun::Fallen, "an offset never seen");
        let long = i64::try_from(REMEMBERED).unwrap() + 10;
        (10..long).for_each(|offset| _ = offsets.begin(offset, 7));
        assert_eq!(offsets.recent.len(), REMEMBERED);
        assert_eq!(offsets.begin(long - 1, 7), Begun::Repeated);
    }

    #[test]
    fn replaced_log_commits_its_start() {
        let mut offsets = OffsetTracker::starting_at(0);
        assert_eq!(offsets.due(), Some(0));
        offsets.committed(0);
        assert_eq!(offsets.due(), None);
        offsets.begin(0, 1);
        offsets.finish(0);
        assert_eq!(offsets.due(), Some(1));
    }

    #[test]
    fn offsets_without_records_are_passed_when_nothing_is_open() {
        let mut offsets = OffsetTracker::default();
        offsets.begin(3, 1);
        offsets.read_up_to(5);
        assert_eq!(offsets.due(), None, "the record is not finished");
        offsets.finish(3);
        offsets.read_up_to(5);
        assert_eq!(offsets.due(), Some(5));
        offsets.read_up_to(4);
        assert_eq!(offsets.due(), Some(5));
    }

    proptest! {
        /// Compares with the definition: the largest offset below which all begun are finished.
        #[test]
        fn due_offset_is_the_longest_finished_prefix(
            gaps in prop::collection::vec(1_i64..4, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        ) {
            let mut tracker = OffsetTracker::default();
            let mut offsets = Vec::new();
            for gap in gaps {
                offsets.push(offsets.last().copied().unwrap_or(-1) + gap);
                tracker.begin(offsets[offsets.len() - 1], 0);
            }
            let mut finished = BTreeSet::new();
            let mut last = None;
            for index in order {
                let offset = *index.get(&offsets);
                finished.insert(offset);
                tracker.finish(offset);
                let prefix = offsets.iter().take_while(|offset| finished.contains(offset));
                let expected = prefix.last().map(|offset| offset + 1);
                prop_assert_eq!(tracker.due().or(last), expected);
                prop_assert_eq!(tracker.unfinished(), offsets.len() - finished.len());
                if let Some(due) = tracker.due() {
                    prop_assert!(last.is_none_or(|last| last < due), "commits only grow");
                    tracker.committed(due);
                    last = Some(due);
                }
            }
        }
    }
}
