//! Random texts.

use rand::Rng;

/// Returns this many random bytes in lower-case hex.
pub(crate) fn hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::rng().fill(&mut buffer[..]);
    hex::encode(buffer)
}

#[cfg(test)]
mod tests {
    #[test]
    fn hex_differs_every_time() {
        let texts = [super::hex(8), super::hex(8)];
        assert_ne!(texts[0], texts[1]);
        assert_eq!(texts[0].len(), 16);
    }
}
