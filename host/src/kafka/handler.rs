//! The runtime as a handler of records.

use std::sync::Arc;

use kafka_trigger::{Handler, Record, Response, Verdict};
use xray::report::response::retries_without_limit;

use super::event;
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
    async fn handle(&self, record: &Record) -> Response {
        let request = event::request(record, &self.group);
        let response = self.runtime.call_component(&self.component, request).await;
        let by_status = Response::from_status(response.status().as_u16());
        Response {
            verdict: match retries_without_limit(&response) {
                true => Verdict::Blocked,
                false => by_status.verdict,
            },
            body: response.into_body(),
            ..by_status
        }
    }

    fn settled(&self, record: &Record, response: &Response, attempts: u32) {
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
