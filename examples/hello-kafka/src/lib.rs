//! A component for the Kafka trigger: greets each record and passes it on.
//!
//! It is an ordinary HTTP component of Spin: the trigger makes a POST request of each record, with
//! the record's position in headers. The status decides what happens to the record.

#[cfg(target_family = "wasm")]
mod component;

/// Returns the line that is printed for a record.
pub fn line(greeting: &str, id: &str, value: &[u8]) -> String {
    format!("{} {id} with {} bytes", greeting.trim(), value.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn line_has_greeting_position_and_size() {
        let line = super::line("hello,\n", "partition:0/offset:7", b"value");
        assert_eq!(line, "hello, partition:0/offset:7 with 5 bytes");
    }
}
