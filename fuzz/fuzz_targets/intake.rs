//! Any request is a delivery of usable references or an error.
#![no_main]

use http::{HeaderMap, HeaderValue, Method, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], bool, &[u8])| {
    let (media, binary, body) = input;
    let mut headers = HeaderMap::new();
    if let Ok(media) = HeaderValue::from_bytes(media) {
        headers.insert(header::CONTENT_TYPE, media);
    }
    if binary {
        headers.insert("ce-specversion", HeaderValue::from_static("1.0"));
        headers.insert(
            "ce-type",
            HeaderValue::from_static("dev.knative.kafka.event"),
        );
    }
    let Ok(delivery) = xray::event::intake(&Method::POST, &headers, body) else {
        return;
    };
    for event in delivery.records.into_iter().flatten() {
        let key = event.object.key();
        assert!(!key.is_empty() && key.len() <= xray::event::MAX_KEY_BYTES && !key.contains('\0'));
    }
});
