//! `/.well-known/spin/`: whether the host lives, and what it runs.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use wasmtime_wasi_http::WasiBody;

use crate::serve::{egress::client::full, runtime::Runtime};

/// The answer, if the path is one of the host's own.
pub fn answer<B>(runtime: &Runtime, request: &Request<B>) -> Option<Response<WasiBody>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let (kind, text) = match request.uri().path() {
        // Components and models were loaded before the listener was bound, so alive is ready.
        "/.well-known/spin/health" => ("text/plain", "OK".to_owned()),
        "/.well-known/spin/info" => ("application/json", info(runtime)),
        _ => return None,
    };
    let mut answer = Response::new(full(Bytes::from(text)));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Some(answer)
}

fn info(runtime: &Runtime) -> String {
    let manifest = runtime.manifest();
    let models: Vec<_> = runtime.inference().models().collect();
    serde_json::json!({
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "host": concat!("xray ", env!("CARGO_PKG_VERSION")),
        "inference": runtime.inference().version(),
        "models": models,
    })
    .to_string()
}
