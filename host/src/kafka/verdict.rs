//! What the answer to a delivery means for its record.

use http::StatusCode;

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It may work later: the store is down, say.
    Later,
    /// The component failed at it, and may do so every time.
    Broke,
    /// It never will work.
    Refused,
}

/// Reads an answer's status.
pub fn verdict(status: StatusCode) -> Verdict {
    match status {
        status if status.is_success() => Verdict::Done,
        // The host's answer to a trap; a component that answers so itself means the same.
        StatusCode::INTERNAL_SERVER_ERROR => Verdict::Broke,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Verdict::Later,
        status if status.is_server_error() => Verdict::Later,
        // Nobody follows a redirect here, and so it is a refusal like the others.
        _ => Verdict::Refused,
    }
}

/// After how many failures a record goes to the dead letters all the same; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Failures of any kind.
    pub failures: u32,
    /// Failures of the component itself. A record that makes it trap would else hold up its partition for ever.
    pub crashes: u32,
}

impl Patience {
    /// Whether it is at an end after so many failures, so many of them the component's own.
    pub fn is_over(&self, failures: u32, crashes: u32) -> bool {
        let over = |limit: u32, count: u32| limit != 0 && count >= limit;
        over(self.failures, failures) || over(self.crashes, crashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_meaning() {
        let cases = [
            (200, Verdict::Done),
            (204, Verdict::Done),
            (301, Verdict::Refused),
            (400, Verdict::Refused),
            (404, Verdict::Refused),
            (408, Verdict::Later),
            (409, Verdict::Refused),
            (413, Verdict::Refused),
            (422, Verdict::Refused),
            (429, Verdict::Later),
            (500, Verdict::Broke),
            (502, Verdict::Later),
            (503, Verdict::Later),
            (599, Verdict::Later),
        ];
        for (status, expected) in cases {
            assert_eq!(
                verdict(StatusCode::from_u16(status).unwrap()),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn patience_ends_where_it_is_limited() {
        let patience = |failures, crashes| Patience { failures, crashes };
        assert!(!patience(0, 0).is_over(1000, 1000));
        assert!(!patience(3, 0).is_over(2, 2) && patience(3, 0).is_over(3, 0));
        assert!(!patience(0, 3).is_over(9, 2) && patience(0, 3).is_over(3, 3));
    }
}
