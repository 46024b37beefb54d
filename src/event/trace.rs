//! Contexts of traces, by W3C Trace Context.

use std::fmt;

use http::HeaderMap;

/// Header of a context.
pub const TRACEPARENT: &str = "traceparent";
/// Headers that hold a context: that of HTTP, and the attribute of a CloudEvent.
const HEADERS: [&str; 2] = [TRACEPARENT, "ce-traceparent"];

/// A span of a trace, as the header `traceparent` names it. `Display` writes that header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Id of the trace, not zero.
    pub trace: u128,
    /// Id of the span, not zero.
    pub span: u64,
    /// The trace is recorded.
    pub is_sampled: bool,
}

impl TraceParent {
    /// Parses the value of a `traceparent`. Versions later than 00 may have more fields.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let mut fields = text.splitn(5, '-');
        let [version, trace, span, flags] = [(); 4].map(|()| fields.next());
        let version = hex(version?, 2)?;
        if version == 0xff || (version == 0 && fields.next().is_some()) {
            return None;
        }
        let context = Self {
            trace: hex(trace?, 32)?,
            span: u64::try_from(hex(span?, 16)?).ok()?,
            is_sampled: hex(flags?, 2)? & 1 == 1,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// Reads the context of a request, from the header of HTTP or that of a CloudEvent.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        HEADERS
            .iter()
            .find_map(|name| Self::parse(headers.get(*name)?.as_bytes()))
    }

    /// Returns the trace's id as 32 hex digits, if the trace is recorded.
    pub fn trace_id(&self) -> Option<String> {
        self.is_sampled.then(|| format!("{:032x}", self.trace))
    }
}

/// Parses lower-case hex digits of this number.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != digits || !text.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn traceparent_is_written_as_it_was_read() {
        let context = TraceParent::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(
            context.trace_id().as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        let unsampled = EXAMPLE.replace("-01", "-00");
        let context = TraceParent::parse(unsampled.as_bytes()).unwrap();
        assert_eq!((context.to_string(), context.trace_id()), (unsampled, None));
    }

    #[test]
    fn traceparent_of_a_later_version_may_be_longer() {
        for (value, is_read) in [
            (EXAMPLE.to_owned(), true),
            (EXAMPLE.replacen("00", "01", 1) + "-more", true),
            (EXAMPLE.replacen("00", "ff", 1), false),
            (EXAMPLE.to_owned() + "-more", false),
            (EXAMPLE.to_uppercase(), false),
            (EXAMPLE.replace("4bf9", "4bg9"), false),
            (EXAMPLE.replace("4bf9", "4bf"), false),
            (format!("00-{:032x}-00f067aa0ba902b7-01", 0), false),
            (EXAMPLE.replace("00f067aa0ba902b7", &"0".repeat(16)), false),
            ("DOE_JANE".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(
                TraceParent::parse(value.as_bytes()).is_some(),
                is_read,
                "{value}"
            );
        }
        assert_eq!(TraceParent::parse(b"\xff"), None);
    }

    #[test]
    fn header_of_http_comes_before_that_of_the_event() {
        let mut headers = HeaderMap::new();
        headers.insert("ce-traceparent", EXAMPLE.parse().unwrap());
        let of_event = TraceParent::of(&headers).unwrap();
        assert_eq!(of_event.to_string(), EXAMPLE);
        let other = EXAMPLE.replace("b7-", "b8-");
        headers.insert("traceparent", other.parse().unwrap());
        assert_eq!(TraceParent::of(&headers).unwrap().to_string(), other);
        headers.insert("traceparent", "nonsense".parse().unwrap());
        assert_eq!(TraceParent::of(&headers), Some(of_event));
    }
}
