//! The order of the events of one key.

/// The longest sequencer that is read, in hex digits.
const MAX_DIGITS: usize = 64;

/// A place in the order of events of one key, as text that compares in that order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequencer(String);

impl Sequencer {
    /// Reads a sequencer by its `eventSource`; none where it is not hex.
    ///
    /// RGW writes the raw bytes of a `utime_t`, two little-endian 32 bit numbers, seconds and nanoseconds: `9FDB036B4065E808` is
    /// 0x6B03DB9F s and 0x08E86540 ns. As text these sort wrongly whenever a byte carries, every 256 seconds. Others
    /// compare as numbers in hex.
    pub fn parse(text: &str, source: &str) -> Option<Sequencer> {
        if text.is_empty() || text.len() > MAX_DIGITS || !text.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        let upper = text.to_ascii_uppercase();
        let digits = if source == "ceph:s3" && upper.len() == 16 {
            let number = |half: &str| u32::from_str_radix(half, 16).ok().map(u32::swap_bytes);
            let (seconds, nanoseconds) = upper.split_at(8);
            format!("{:08X}{:08X}", number(seconds)?, number(nanoseconds)?)
        } else {
            upper
        };
        Some(Sequencer(format!("{digits:0>MAX_DIGITS$}")))
    }

    /// The sequencer without leading zeros, as it is kept in metadata.
    pub fn stored(&self) -> &str {
        self.0.trim_start_matches('0')
    }

    /// Reads what [`Sequencer::stored`] gave.
    pub fn from_stored(text: &str) -> Option<Sequencer> {
        Sequencer::parse(text, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateways_sequencer_is_a_little_endian_time() {
        let at = |s| Sequencer::parse(s, "ceph:s3").unwrap();
        assert_eq!(at("9FDB036B4065E808").stored(), "6B03DB9F08E86540");
        // One second later the lowest byte carries; as text the later one is smaller.
        assert!("00DC036B00000000" < "FFDB036B00000000");
        assert!(at("00DC036B00000000") > at("FFDB036B00000000"));
        assert!(at("9FDB036B4165E808") > at("9FDB036B4065E808"));
        assert_eq!(Sequencer::from_stored(at("9FDB036B4065E808").stored()).unwrap(), at("9FDB036B4065E808"));
    }

    #[test]
    fn others_compare_as_hex_of_any_length() {
        let at = |s| Sequencer::parse(s, "aws:s3").unwrap();
        assert!(at("0055AED6DCD90281E5") > at("55AED6DCD90281E4"));
        assert!(at("100") > at("FF"));
        assert_eq!(at("00ff"), at("FF"));
        assert_eq!(Sequencer::parse("not hex", "aws:s3"), None);
    }
}
