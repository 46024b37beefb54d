//! The order of the events of one key.

/// Limit on the length of a sequencer, in hex digits.
const MAX_DIGITS: usize = 64;

/// Position in the order of events of one key: upper-case hex digits, most significant first.
#[derive(Debug, Clone)]
pub struct Sequencer(String);

impl Ord for Sequencer {
    /// Compares as text, the shorter padded with zeros on the right, which equals comparing both
    /// without trailing zeros.
    fn cmp(&self, other: &Sequencer) -> std::cmp::Ordering {
        self.0
            .trim_end_matches('0')
            .cmp(other.0.trim_end_matches('0'))
    }
}

impl PartialOrd for Sequencer {
    fn partial_cmp(&self, other: &Sequencer) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sequencer {
    fn eq(&self, other: &Sequencer) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sequencer {}

impl Sequencer {
    /// Parses a sequencer by its `eventSource`; `None` if it is not hex.
    ///
    /// RGW writes the raw bytes of a `utime_t`, two little-endian 32-bit numbers, seconds and
    /// nanoseconds: `9FDB036B4065E808` is 0x6B03DB9F s and 0x08E86540 ns. As text these sort
    /// wrongly whenever a byte carries, every 256 seconds. AWS documents: of two lengths, pad the
    /// shorter with zeros on the right, then compare as text. MinIO's have one length.
    pub fn parse(text: &str, source: &str) -> Option<Sequencer> {
        if text.is_empty()
            || text.len() > MAX_DIGITS
            || !text.chars().all(|c| c.is_ascii_hexdigit())
        {
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
        Some(Sequencer(digits))
    }

    /// Returns the sequencer as stored in metadata.
    pub fn stored(&self) -> &str {
        &self.0
    }

    /// Parses the result of [`Sequencer::stored`].
    pub fn from_stored(text: &str) -> Option<Sequencer> {
        Sequencer::parse(text, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencer_of_rgw_is_a_little_endian_time() {
        let at = |s| Sequencer::parse(s, "ceph:s3").unwrap();
        assert_eq!(at("9FDB036B4065E808").stored(), "6B03DB9F08E86540");
        // One second later the lowest byte carries; as text the later one is smaller.
        assert!("00DC036B00000000" < "FFDB036B00000000");
        assert!(at("00DC036B00000000") > at("FFDB036B00000000"));
        assert!(at("9FDB036B4165E808") > at("9FDB036B4065E808"));
        assert_eq!(
            Sequencer::from_stored(at("9FDB036B4065E808").stored()).unwrap(),
            at("9FDB036B4065E808")
        );
    }

    #[test]
    fn sequencers_of_others_compare_as_hex_of_any_length() {
        let at = |s| Sequencer::parse(s, "aws:s3").unwrap();
        assert!(at("0055AED6DCD90281E5") > at("0055AED6DCD90281E4"));
        assert!(at("0A0") > at("09FF"), "padded on the right");
        assert_eq!(at("0a0"), at("0A"));
        assert_eq!(Sequencer::from_stored(at("00").stored()), Some(at("0")));
        assert_eq!(Sequencer::parse("not hex", "aws:s3"), None);
    }
}
