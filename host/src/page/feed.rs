//! The stream of server-sent events behind the live view.

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    Page,
    access::{roles::Roles, seconds, sessions::Stream as Ends},
    views,
};

/// Pause after a batch, so that a flood of events is a few batches a second.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest time without a batch: rates sink, and a closed connection is noticed.
const PERIOD: Duration = Duration::from_secs(5);
/// Rows of a batch.
const MOST: usize = 50;

/// Right to a stream.
pub(super) enum Ticket {
    /// The session of this cookie.
    Cookie(String),
    /// A word of the proxy's, which is good until then.
    Until(Ends),
}

struct Feed {
    page: Arc<Page>,
    ticket: Ticket,
    roles: Roles,
    newest: watch::Receiver<u64>,
    last: u64,
    failures: u64,
    is_first: bool,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

/// Streams the rows after a number, and the summary as it changes.
pub(super) fn batches(
    page: Arc<Page>,
    ticket: Ticket,
    roles: Roles,
    last: u64,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = String> + Send + use<> {
    let feed = Feed {
        newest: page.live.newest(),
        page,
        ticket,
        roles,
        last,
        failures: 0,
        is_first: true,
        is_over: false,
        _place: place,
    };
    stream::unfold(feed, |mut feed| async move {
        let batch = feed.next().await?;
        Some((batch, feed))
    })
}

impl Feed {
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        let mut batch = String::new();
        if self.is_first {
            self.is_first = false;
            batch.push_str("retry: 2000\n\n");
        } else {
            tokio::time::sleep(PAUSE).await;
            let changed = self.newest.changed();
            // Timed out: the same batch without rows.
            _ = tokio::time::timeout(PERIOD, changed).await;
        }
        let is_open = match &self.ticket {
            Ticket::Cookie(cookie) => {
                matches!(self.page.session(cookie, false).await, Ok(Some(_)))
            }
            Ticket::Until(ends) => match seconds() {
                now if now >= ends.over => false,
                // The browser begins another one, with the proxy's next token.
                now if now >= ends.renew => return None,
                _ => true,
            },
        };
        if !is_open {
            self.is_over = true;
            event(&mut batch, "ended", None, "");
            return Some(batch);
        }
        self.newest.mark_unchanged();
        let live = &self.page.live;
        for row in live.rows_after(self.last, MOST) {
            self.last = row.id;
            let html = views::row::item(&row, self.roles, true);
            event(&mut batch, "row", Some(row.id), &html.into_string());
        }
        let counts = live.counts();
        let kafka = super::kafka::figures(self.page.runtime.as_ref());
        let html = views::tiles::tiles(&counts, kafka);
        event(&mut batch, "tiles", None, &html.into_string());
        let html = views::charts::charts(&counts);
        event(&mut batch, "charts", None, &html.into_string());
        let failures = live.failures();
        let newest = failures.first().map_or(0, |row| row.id);
        if newest != self.failures {
            self.failures = newest;
            let html = views::failures::list(&failures);
            event(&mut batch, "failures", None, &html.into_string());
        }
        Some(batch)
    }
}

/// Appends an event.
fn event(batch: &mut String, name: &str, id: Option<u64>, data: &str) {
    batch.push_str(&format!("event: {name}\n"));
    if let Some(id) = id {
        batch.push_str(&format!("id: {id}\n"));
    }
    // A line end would end the event's data.
    for line in data.split(['\n', '\r']) {
        batch.push_str("data: ");
        batch.push_str(line);
        batch.push('\n');
    }
    batch.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_with_line_ends_stay_one_event() {
        let mut batch = String::new();
        event(&mut batch, "row", Some(7), "<p>a\n\nevent: ended\r\n</p>");
        assert_eq!(
            batch,
            "event: row\nid: 7\ndata: <p>a\ndata: \ndata: event: ended\ndata: \ndata: </p>\n\n"
        );
    }
}
