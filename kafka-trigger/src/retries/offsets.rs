//! The offset of a retry partition that may be committed.

use std::collections::{BTreeMap, BTreeSet};

/// Finds the offset before which no entry of the log is needed any more.
#[derive(Debug)]
pub(crate) struct RetryOffsets {
    /// Offsets of the entries whose records are unfinished.
    live: BTreeSet<i64>,
    /// Offsets of `done` entries by the source's offset, while that is not committed: the source
    /// may deliver the record again, and its attempts are counted on.
    done: BTreeMap<i64, i64>,
    /// Lower bounds of the offsets that running writes will get, and their number.
    writing: BTreeMap<i64, usize>,
    /// Offset behind the last entry known.
    next: i64,
    committed: i64,
    /// Committed offset of the source.
    source: i64,
}

impl RetryOffsets {
    /// Creates the state of an owner whose entries begin at an offset, which is committed, with the
    /// committed offset of the source.
    pub(crate) fn new(first: i64, source: i64) -> Self {
        Self {
            live: BTreeSet::new(),
            done: BTreeMap::new(),
            writing: BTreeMap::new(),
            next: first,
            committed: first,
            source,
        }
    }

    /// Returns the number of records that wait.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Begins a write, and returns the lower bound of its offset.
    pub(super) fn begin(&mut self) -> i64 {
        *self.writing.entry(self.next).or_default() += 1;
        self.next
    }

    /// Records the entry of a record that waits, and that its former one is not needed any more.
    pub(super) fn waits(&mut self, offset: i64, former: Option<i64>) {
        self.next = self.next.max(offset + 1);
        if let Some(former) = former {
            self.live.remove(&former);
        }
        self.live.insert(offset);
    }

    /// Records the entry of a record that is finished, with its offset in the source.
    pub(super) fn done(&mut self, offset: i64, former: Option<i64>, source: i64) {
        self.next = self.next.max(offset + 1);
        if let Some(former) = former {
            self.live.remove(&former);
        }
        if source >= self.source {
            self.done.insert(source, offset);
        }
    }

    /// Forgets finished records before this offset of the source, which is committed.
    pub(crate) fn source_committed(&mut self, offset: i64) {
        self.done = self.done.split_off(&offset);
        self.source = offset;
    }

    /// Forgets the source's offsets, because its log is another one.
    pub(super) fn source_replaced(&mut self) {
        self.done.clear();
        self.source = 0;
    }

    /// Ends a write of this lower bound.
    pub(super) fn end(&mut self, bound: i64) {
        if let Some(count) = self.writing.get_mut(&bound) {
            *count -= 1;
            if *count == 0 {
                self.writing.remove(&bound);
            }
        }
    }

    /// Returns the offset to commit, unless it is committed already.
    pub(crate) fn due(&self) -> Option<i64> {
        let bounds = [
            self.live.first(),
            self.writing.keys().next(),
            self.done.values().min(),
        ];
        let bounds = bounds.into_iter().flatten();
        let offset = bounds.fold(self.next, |least, bound| least.min(*bound));
        (offset > self.committed).then_some(offset)
    }

    /// Marks an offset as committed.
    pub(crate) fn committed(&mut self, offset: i64) {
        self.committed = self.committed.max(offset);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entry_holds_the_commit_until_it_is_replaced() {
        let mut offsets = RetryOffsets::new(8, 0);
        let bound = offsets.begin();
        offsets.waits(8, None);
        offsets.end(bound);
        assert_eq!(offsets.due(), None);
        let bound = offsets.begin();
        offsets.waits(9, Some(8));
        offsets.end(bound);
        assert_eq!(offsets.due(), Some(9));
        offsets.committed(9);
        let bound = offsets.begin();
        offsets.done(11, Some(9), 40);
        assert_eq!(offsets.due(), Some(10), "the write has not ended");
        offsets.end(bound);
        offsets.source_committed(40);
        assert_eq!(offsets.due(), Some(11), "the source may deliver it again");
        offsets.source_committed(41);
        assert_eq!(offsets.due(), Some(12));
        offsets.committed(12);
        let bound = offsets.begin();
        offsets.done(12, None, 39);
        offsets.end(bound);
        assert_eq!(offsets.due(), Some(13), "the source has passed it");
    }

    #[test]
    fn entry_that_is_being_written_is_not_passed() {
        let mut offsets = RetryOffsets::new(1, 0);
        let (first, second) = (offsets.begin(), offsets.begin());
        offsets.waits(2, None);
        offsets.end(second);
        let third = offsets.begin();
        offsets.done(3, Some(2), 0);
        offsets.end(third);
        offsets.source_committed(1);
        assert_eq!(offsets.due(), None, "the first may be at 1");
        offsets.waits(1, None);
        offsets.end(first);
        assert_eq!(offsets.due(), None);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Write,
        Finish(usize),
        Commit,
    }

    proptest! {
        /// Writes are confirmed in any order. No unfinished entry is ever behind a commit, and
        /// commits only grow.
        #[test]
        fn unfinished_entry_is_never_passed(
            steps in prop::collection::vec(prop_oneof![
                Just(Step::Write),
                (0_usize..8).prop_map(Step::Finish),
                Just(Step::Commit),
            ], 0..200),
        ) {
            let mut offsets = RetryOffsets::new(1, 0);
            let (mut end, mut last) = (1, 1);
            // Bound, and the offset that the log gave the entry.
            let mut running: Vec<(i64, i64)> = Vec::new();
            for step in steps {
                match step {
                    Step::Write => {
                        running.push((offsets.begin(), end));
                        end += 1;
                    }
                    Step::Finish(index) if !running.is_empty() => {
                        let (bound, offset) = running.remove(index % running.len());
                        let former = offsets.live.iter().next_back().copied();
                        if offset % 3 > 0 {
                            offsets.waits(offset, former);
                        } else {
                            offsets.done(offset, former, offset);
                        }
                        offsets.end(bound);
                        offsets.source_committed(offset - 2);
                    }
                    Step::Finish(_) => {}
                    Step::Commit => if let Some(offset) = offsets.due() {
                        prop_assert!(offset >= last);
                        prop_assert!(offsets.live.iter().all(|live| *live >= offset));
                        prop_assert!(running.iter().all(|(_, entry)| *entry >= offset));
                        offsets.committed(offset);
                        last = offset;
                    }
                }
            }
        }
    }
}
