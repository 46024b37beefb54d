//! Reads the contents of a retry partition from its log.

use std::{collections::BTreeMap, ops::Range};

use super::{
    entry::{Entry, Mark},
    expected::Waiting,
};
use crate::{Record, RetryLog};

/// Contents of a retry partition.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Records that wait, in the order of the source, with the offsets of their last entries.
    pub(crate) waiting: Vec<Waiting>,
    /// Finished records that the source is going to deliver again.
    pub(crate) done: Vec<Mark>,
    /// Number of the source's log.
    pub(crate) log: i64,
    /// Offsets that are going to be read from the source.
    pub(crate) source: Range<i64>,
}

/// Reads a log.
pub(crate) fn restore(log: RetryLog) -> Contents {
    // Without a committed number, as when it was not renewed for a long time, it is that of the
    // last entry.
    let owner = log.owner.or_else(|| last_owner(&log.records));
    let mut waiting: BTreeMap<i64, Waiting> = BTreeMap::new();
    let mut done: BTreeMap<i64, Mark> = BTreeMap::new();
    let mut number = 0;
    for record in log.records {
        let offset = record.offset;
        let (mark, original) = match Entry::read(record) {
            Some(Entry::Waiting(mark, original)) => (mark, Some(original)),
            Some(Entry::Done(mark)) => (mark, None),
            Some(Entry::Owner) | None => continue,
        };
        // A write that was taken for lost may arrive after the end of its record.
        if Some(mark.owner) != owner || done.contains_key(&mark.id) {
            continue;
        }
        number = number.max(mark.log);
        if let Some(original) = original {
            waiting.insert(mark.id, (mark, original, offset));
        } else {
            waiting.remove(&mark.id);
            done.insert(mark.id, mark);
        }
    }
    let mut waiting: Vec<_> = waiting.into_values().collect();
    // A record that was delivered again may have come here after those behind it.
    waiting.sort_by_key(|(mark, ..)| (mark.log, mark.offset));
    let is_left = |mark: &Mark| mark.log == number && log.source.contains(&mark.offset);
    Contents {
        waiting,
        done: done.into_values().filter(is_left).collect(),
        log: number,
        source: log.source,
    }
}

fn last_owner(records: &[Record]) -> Option<i64> {
    let entry = |record: &Record| match Entry::read(record.clone())? {
        Entry::Waiting(mark, _) | Entry::Done(mark) => Some(mark.owner),
        Entry::Owner => None,
    };
    records.iter().rev().find_map(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RetryRecord, record::tests::record, retries::entry, retry::Failures};

    fn mark(owner: i64, id: i64, all: u32) -> Mark {
        Mark {
            owner,
            id,
            log: 0,
            failures: Failures {
                all,
                ..Failures::default()
            },
            offset: id * 10,
            timestamp: None,
        }
    }

    fn log(entries: Vec<RetryRecord>, owner: Option<i64>) -> RetryLog {
        let at = |(offset, entry): (i64, RetryRecord)| Record {
            offset,
            headers: entry.headers,
            ..record(None, None)
        };
        RetryLog {
            records: (10..).zip(entries).map(at).collect(),
            owner,
            source: 0..100,
        }
    }

    fn waits(mark: Mark) -> RetryRecord {
        entry::waiting(&mark, &record(None, None))
    }

    /// Id, attempts and offset of what waits.
    fn waiting(contents: &Contents) -> Vec<(i64, u32, i64)> {
        let waiting = contents.waiting.iter();
        waiting
            .map(|(mark, _, offset)| (mark.id, mark.failures.all, *offset))
            .collect()
    }

    #[test]
    fn last_entry_of_a_record_counts() {
        let entries = vec![
            waits(mark(9, 1, 1)),
            waits(mark(9, 2, 0)),
            waits(mark(9, 1, 2)),
            waits(mark(9, 3, 1)),
            entry::done(&mark(9, 3, 1)),
            // A write that was taken for lost.
            waits(mark(9, 3, 1)),
        ];
        let contents = restore(log(entries, Some(9)));
        assert_eq!(waiting(&contents), [(1, 2, 12), (2, 0, 11)]);
        assert_eq!(contents.done, [mark(9, 3, 1)]);
    }

    #[test]
    fn only_the_entries_of_the_committed_owner_count() {
        let entries = vec![
            waits(mark(4, 1, 1)),
            entry::owner(),
            waits(mark(9, 1, 2)),
            // Late, of an expelled owner.
            entry::owner(),
            entry::done(&mark(4, 1, 1)),
            waits(mark(13, 2, 1)),
        ];
        let contents = restore(log(entries.clone(), Some(9)));
        assert_eq!(waiting(&contents), [(1, 2, 12)]);
        assert_eq!(contents.done, []);
        let contents = restore(log(entries, None));
        assert_eq!(waiting(&contents), [(2, 1, 15)], "the last one's");
    }

    #[test]
    fn order_is_that_of_the_source_and_its_logs() {
        let at = |id, log, offset| Mark {
            log,
            offset,
            ..mark(0, id, 1)
        };
        let entries = vec![
            waits(at(1, 0, 18)),
            // Delivered again, and failed.
            waits(at(2, 0, 14)),
            waits(at(3, 7, 2)),
        ];
        let contents = restore(log(entries, Some(0)));
        assert_eq!(waiting(&contents), [(2, 1, 11), (1, 1, 10), (3, 1, 12)]);
        assert_eq!(contents.log, 7);
    }
}
