//! The runtime as a handler of records.

use std::sync::Arc;

use kafka_trigger::{Added, Handler, Record, Response, Verdict};
use xray::report::response::retries_without_limit;

use super::{event, trace::RecordTrace};
use crate::serve::runtime::Runtime;

/// Called with each record that is done or becomes a dead letter, its last response, and the number
/// of deliveries.
pub type Observer = Arc<dyn Fn(&Record, &Response, u32) + Send + Sync>;

/// Delivers records to a component, in process.
pub(super) struct RuntimeHandler {
    pub(super) runtime: Runtime,
    pub(super) component: String,
    pub(super) group: String,
    pub(super) observer: Option<Observer>,
}

impl Handler for RuntimeHandler {
    /// The record's trace, boxed because most hosts have none.
    type State = Option<Box<RecordTrace>>;

    fn received(&self, record: &Record) -> Self::State {
        let traces = self.runtime.options().traces.as_ref()?;
        Some(RecordTrace::begin(traces, record, &self.group).into())
    }

    async fn handle(&self, record: &Record, trace: &mut Self::State) -> Response {
        let mut request = event::request(record, &self.group);
        let span = trace.as_mut().and_then(|trace| trace.deliver());
        if let Some(span) = &span {
            request.extensions_mut().insert(span.scope());
        }
        let response = self.runtime.call_component(&self.component, request).await;
        let by_status = Response::from_status(response.status().as_u16());
        let response = Response {
            verdict: match retries_without_limit(&response) {
                true => Verdict::Blocked,
                false => by_status.verdict,
            },
            body: response.into_body(),
            ..by_status
        };
        if let Some(span) = span {
            RecordTrace::delivered(span, &response);
        }
        response
    }

    fn dead_letter_headers(&self, _: &Record, trace: &Self::State) -> Vec<Added> {
        let header = trace.as_ref().and_then(|trace| trace.header());
        header.into_iter().collect()
    }

    fn finished(&self, _: &Record, trace: &mut Self::State) {
        if let Some(trace) = trace {
            trace.finish();
        }
    }

    fn settled(
        &self,
        record: &Record,
        trace: &mut Self::State,
        response: &Response,
        attempts: u32,
    ) {
        if let Some(trace) = trace {
            trace.settle(response);
        }
        // The trigger has not delivered such a record; over HTTP it would be rejected likewise.
        let size = record.value.as_ref().map_or(0, bytes::Bytes::len);
        if size > self.runtime.options().max_body {
            self.runtime.metrics().rejected("too-large");
        }
        if let Some(observer) = &self.observer {
            observer(record, response, attempts);
        }
    }
}
