//! Which offset of a partition may be committed: the one behind the records that are finished without a gap.

use std::collections::VecDeque;

/// The dispatched records of one partition, in the order in which they came.
///
/// Offsets may have gaps: transaction marks and compacted records have offsets too, but never come.
#[derive(Debug, Default)]
pub struct Prefix {
    /// Offset, and whether it is finished; the first is not.
    open: VecDeque<(i64, bool)>,
    /// Records in `open` that are not finished.
    unfinished: usize,
    last_begun: Option<i64>,
    next: Option<i64>,
    committed: Option<i64>,
}

impl Prefix {
    /// A record was taken. False if it was taken before, which a client may do after a reconnect.
    pub fn begin(&mut self, offset: i64) -> bool {
        if self.last_begun.is_some_and(|last| offset <= last) {
            return false;
        }
        self.last_begun = Some(offset);
        self.open.push_back((offset, false));
        self.unfinished += 1;
        true
    }

    /// A record is finished.
    pub fn finish(&mut self, offset: i64) {
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

    /// Records that were taken and are not finished.
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// The offset to commit, if it is not committed already.
    pub fn due(&self) -> Option<i64> {
        self.next.filter(|next| Some(*next) != self.committed)
    }

    /// An offset is committed. One that is lower than the last does not count.
    pub fn committed(&mut self, offset: i64) {
        self.committed = self.committed.max(Some(offset));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_has_no_gap_before_it_is_due() {
        let mut prefix = Prefix::default();
        for offset in [5, 6, 9, 10] {
            assert!(prefix.begin(offset));
        }
        assert!(!prefix.begin(9), "it came before");
        assert_eq!(prefix.due(), None);
        prefix.finish(6);
        prefix.finish(10);
        prefix.finish(7);
        assert_eq!((prefix.due(), prefix.unfinished()), (None, 2));
        prefix.finish(5);
        assert_eq!(prefix.due(), Some(7));
        prefix.committed(7);
        assert_eq!(prefix.due(), None);
        prefix.finish(9);
        assert_eq!((prefix.due(), prefix.unfinished()), (Some(11), 0));
    }

    proptest! {
        /// Against the obvious way: the largest offset below which everything begun is finished.
        #[test]
        fn it_is_the_longest_finished_prefix(
            gaps in prop::collection::vec(1_i64..4, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        ) {
            let mut prefix = Prefix::default();
            let mut offsets = Vec::new();
            for gap in gaps {
                offsets.push(offsets.last().copied().unwrap_or(-1) + gap);
                prefix.begin(offsets[offsets.len() - 1]);
            }
            let mut finished = BTreeSet::new();
            let mut last = None;
            for index in order {
                let offset = *index.get(&offsets);
                finished.insert(offset);
                prefix.finish(offset);
                let expected = offsets.iter().take_while(|o| finished.contains(o)).last().map(|o| o + 1);
                prop_assert_eq!(prefix.due().or(last), expected);
                prop_assert_eq!(prefix.unfinished(), offsets.len() - finished.len());
                if let Some(due) = prefix.due() {
                    prop_assert!(last.is_none_or(|last| last < due), "commits only grow");
                    prefix.committed(due);
                    last = Some(due);
                }
            }
        }
    }
}
