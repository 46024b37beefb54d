//! The sequencer that orders the events of a key, in the gateway's format.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Issues strictly increasing instants, even if the clock stops or goes back.
#[derive(Debug, Default)]
pub struct Sequencer(AtomicU64);

/// Nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Sequencer {
    /// Returns the next instant: now, or just after the last one.
    pub fn next(&self) -> Instant {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.after(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
    }

    fn after(&self, now: u64) -> Instant {
        let advance = |last: u64| Some(now.max(last + 1));
        let last = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, advance);
        Instant(now.max(last.unwrap_or_default() + 1))
    }
}

impl Instant {
    /// Returns the whole seconds.
    pub fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Returns the nanoseconds within the second.
    pub fn nanoseconds(self) -> u32 {
        (self.0 % 1_000_000_000) as u32
    }

    /// Returns the bytes of Ceph's `utime_t` in memory: two little-endian numbers of 32 bits. As
    /// text they are out of order as soon as a low byte overflows; readers must handle that.
    pub fn hex(self) -> String {
        let mut bytes = [0u8; 8];
        bytes[..4].copy_from_slice(&(self.seconds() as u32).to_le_bytes());
        bytes[4..].copy_from_slice(&self.nanoseconds().to_le_bytes());
        hex::encode_upper(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_matches_a_captured_notification() {
        // From tests/notifications/18.2.7/ObjectCreated-Put-odd-key.http, whose eventId holds the
        // same instant in decimal: 1795414945.727139.
        let instant = Instant(1_795_414_945_727_139_607);
        assert_eq!(instant.hex(), "A1DB036B1745572B");
    }

    #[test]
    fn instants_increase_when_the_clock_goes_back() {
        let sequencer = Sequencer::default();
        assert_eq!(sequencer.after(100), Instant(100));
        assert_eq!(sequencer.after(100), Instant(101));
        assert_eq!(sequencer.after(7), Instant(102));
        assert_eq!(sequencer.after(500), Instant(500));
    }

    #[test]
    fn threads_never_share_an_instant() {
        let sequencer = Sequencer::default();
        let mut all: Vec<Instant> = std::thread::scope(|scope| {
            let take = || (0..1000).map(|_| sequencer.next()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4000);
    }
}
