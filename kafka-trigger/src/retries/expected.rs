//! Records of the retry topic that the source is going to deliver again.
//!
//! After a crash the source is read from its committed offset, and records before one that waits on
//! the retry topic may be delivered again. So the one that waits takes its place among them.

use std::{collections::BTreeMap, ops::Range};

use super::entry::{Mark, Original};
use crate::{Record, retry::Failures};

/// A record that waits, with the offset of its last entry.
pub(crate) type Waiting = (Mark, Original, i64);

/// Records on the retry topic by their offset in the source and their id.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    waiting: BTreeMap<(i64, i64), Waiting>,
    done: BTreeMap<(i64, i64), Mark>,
}

/// Knowledge of a record of the source.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Passed {
    /// Records that come before it.
    pub(crate) before: Vec<Waiting>,
    /// The record itself, if it waits on the retry topic.
    pub(crate) own: Option<Waiting>,
    /// Failures of the record, if it was finished from the retry topic.
    pub(crate) failures: Failures,
}

impl Expected {
    /// Adds what the source is going to deliver. Returns the records that wait and have left it,
    /// which need not wait for it.
    pub(crate) fn add(
        &mut self,
        waiting: Vec<Waiting>,
        done: Vec<Mark>,
        source: &Range<i64>,
    ) -> Vec<Waiting> {
        let place = |mark: &Mark| (mark.offset, mark.id);
        self.done
            .extend(done.into_iter().map(|mark| (place(&mark), mark)));
        let (later, now): (Vec<_>, _) = waiting
            .into_iter()
            .partition(|(mark, ..)| source.contains(&mark.offset));
        let later = later.into_iter().map(|entry| (place(&entry.0), entry));
        self.waiting.extend(later);
        now
    }

    /// Passes a record of the source.
    pub(crate) fn pass(&mut self, record: &Record) -> Passed {
        let mut passed = Passed::default();
        if self.waiting.is_empty() && self.done.is_empty() {
            return passed;
        }
        let is_own =
            |mark: &Mark| mark.offset == record.offset && mark.timestamp == record.timestamp;
        let rest = self.waiting.split_off(&(record.offset + 1, i64::MIN));
        for (_, entry) in std::mem::replace(&mut self.waiting, rest) {
            if is_own(&entry.0) {
                passed.own = Some(entry);
            } else {
                passed.before.push(entry);
            }
        }
        let rest = self.done.split_off(&(record.offset + 1, i64::MIN));
        let done = std::mem::replace(&mut self.done, rest);
        if let Some(mark) = done.into_values().rfind(|mark| is_own(mark)) {
            passed.failures = mark.failures;
        }
        passed
    }

    /// Returns all records that wait.
    pub(crate) fn take(&mut self) -> Vec<Waiting> {
        self.done.clear();
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    fn mark(offset: i64, id: i64, timestamp: i64) -> Mark {
        Mark {
            owner: 0,
            id,
            log: 0,
            failures: Failures {
                all: 3,
                ..Failures::default()
            },
            offset,
            timestamp: Some(timestamp),
        }
    }

    fn waits(offset: i64, timestamp: i64) -> Waiting {
        let original = Original {
            key: None,
            value: None,
            headers: Vec::new(),
        };
        (mark(offset, offset, timestamp), original, 0)
    }

    fn read(expected: &mut Expected, offset: i64) -> Passed {
        let record = Record {
            offset,
            timestamp: Some(1),
            ..record(None, None)
        };
        expected.pass(&record)
    }

    fn offsets(waiting: &[Waiting]) -> Vec<i64> {
        waiting.iter().map(|(mark, ..)| mark.offset).collect()
    }

    #[test]
    fn record_waits_until_the_source_passes_it() {
        let mut expected = Expected::default();
        let all = [3, 5, 7, 30].map(|offset| waits(offset, 1)).to_vec();
        let now = expected.add(all, vec![], &(5..20));
        assert_eq!(offsets(&now), [3, 30]);
        assert_eq!(read(&mut expected, 4), Passed::default());
        assert_eq!(read(&mut expected, 5).own, Some(waits(5, 1)));
        // The record at 7 was removed from the source.
        let passed = read(&mut expected, 8);
        assert_eq!((offsets(&passed.before), passed.own), (vec![7], None));
        assert_eq!(read(&mut expected, 9), Passed::default());
    }

    #[test]
    fn finished_record_keeps_its_failures() {
        let mut expected = Expected::default();
        expected.add(vec![], vec![mark(5, 1, 1), mark(6, 2, 9)], &(0..20));
        assert_eq!(read(&mut expected, 5).failures.all, 3);
        assert_eq!(read(&mut expected, 6).failures.all, 0, "another record");
    }

    #[test]
    fn record_of_a_topic_of_before_comes_before_the_new_one() {
        let mut expected = Expected::default();
        expected.add(vec![waits(5, 9)], vec![], &(0..20));
        let passed = read(&mut expected, 5);
        assert_eq!((offsets(&passed.before), passed.own), (vec![5], None));
    }
}
