//! The trace of a record, from its arrival until it is finished.

use kafka_trigger::{Added, Record, Response, Verdict};
use sha2::{Digest, Sha256};
use xray::event::{TRACEPARENT, TraceParent};

use crate::serve::traces::{Span, SpanKind, Traces};

/// Headers of a record that hold a context: that of OpenTelemetry's clients, and the attribute of a
/// CloudEvent.
const HEADERS: [&str; 2] = [TRACEPARENT, "ce_traceparent"];

/// Trace of a record. Its first span has ids that the record's place determines: if the host
/// crashes or loses the partition, the next owner continues the same tree, and only the owner that
/// finishes the record sends that span.
pub(super) struct RecordTrace {
    root: Option<Span>,
    turn: Option<Span>,
    last: Option<TraceParent>,
    letter: Option<Span>,
    deliveries: i64,
}

impl RecordTrace {
    /// Begins the trace of a record, within the trace that it names.
    pub(super) fn begin(traces: &Traces, record: &Record, group: &str) -> Self {
        let parent = HEADERS
            .iter()
            .find_map(|name| TraceParent::parse(record.header(name)?));
        let (trace, span) = ids(record, group);
        let ids = (parent.map_or(trace, |parent| parent.trace), span);
        let name = format!("process {}", record.topic);
        let mut root = traces.begin_as(ids, parent, name.into(), SpanKind::Consumer);
        root.set("messaging.system", "kafka");
        root.set("messaging.operation.type", "process");
        root.set("messaging.consumer.group.name", group.to_owned());
        root.set("messaging.destination.name", record.topic.to_string());
        root.set(
            "messaging.destination.partition.id",
            record.partition.to_string(),
        );
        root.set("messaging.kafka.offset", record.offset);
        let turn = root.scope().begin("turn", SpanKind::Internal);
        Self {
            root: Some(root),
            turn: Some(turn),
            last: None,
            letter: None,
            deliveries: 0,
        }
    }

    /// Begins a delivery. One that is given up, at a deadline for example, stays failed.
    pub(super) fn deliver(&mut self) -> Option<Span> {
        self.turn = None;
        self.deliveries += 1;
        let scope = self.root.as_ref()?.scope();
        let mut span = scope.begin("deliver", SpanKind::Internal);
        span.set("xray.delivery", self.deliveries);
        span.fail("given up");
        span.gather();
        if let Some(last) = self.last.replace(span.context()) {
            span.link(last);
        }
        Some(span)
    }

    /// Ends a delivery.
    pub(super) fn delivered(mut span: Span, response: &Response) {
        span.set("http.response.status_code", i64::from(response.status));
        match response.verdict {
            Verdict::Done => span.succeed(),
            verdict => span.fail(word(verdict)),
        }
    }

    /// Records the last response. Unless it is a success, a dead letter follows.
    pub(super) fn settle(&mut self, response: &Response) {
        self.turn = None;
        let Some(root) = &mut self.root else {
            return;
        };
        root.set("xray.deliveries", self.deliveries);
        if response.verdict == Verdict::Done {
            return;
        }
        root.fail(word(response.verdict));
        let mut letter = root.scope().begin("dead letter", SpanKind::Producer);
        if let Some(last) = self.last {
            letter.link(last);
        }
        self.letter = Some(letter);
    }

    /// Returns the header of the dead letter by which a redrive continues the trace.
    pub(super) fn header(&self) -> Option<Added> {
        let letter = self.letter.as_ref()?;
        Some((TRACEPARENT, letter.context().to_string()))
    }

    /// Ends the trace.
    pub(super) fn finish(&mut self) {
        self.letter = None;
        self.root = None;
    }
}

impl Drop for RecordTrace {
    /// An unfinished record goes to the partition's next owner.
    fn drop(&mut self) {
        let unfinished = [self.root.take(), self.turn.take(), self.letter.take()];
        unfinished.into_iter().flatten().for_each(Span::discard);
    }
}

/// Returns ids of a trace and a span that are those of this record only.
fn ids(record: &Record, group: &str) -> (u128, u64) {
    let place = format!(
        "{group}\0{}\0{}\0{}\0{:?}",
        record.topic, record.partition, record.offset, record.timestamp
    );
    let digest = Sha256::digest(place);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u128::from(*byte))
            .max(1)
    };
    (number(&digest[..16]), number(&digest[16..24]) as u64)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Retry => "retry",
        Verdict::Blocked => "blocked",
        Verdict::Crashed => "crashed",
        Verdict::Rejected => "rejected",
        Verdict::TooLarge => "too-large",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::event::tests::record;

    #[test]
    fn ids_are_those_of_the_place_and_the_group() {
        let one = record(None, Some(b"{}"));
        let mut later = record(None, Some(b"{}"));
        later.offset += 1;
        let mut anew = record(None, Some(b"{}"));
        anew.timestamp = None;
        assert_eq!(ids(&one, "g"), ids(&record(Some(b"k"), None), "g"));
        let all = [
            ids(&one, "g"),
            ids(&one, "h"),
            ids(&later, "g"),
            ids(&anew, "g"),
        ];
        for (index, ids) in all.iter().enumerate() {
            assert!(!all[..index].contains(ids), "{index}");
        }
    }
}
