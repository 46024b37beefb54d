//! `/.well-known/spin/`: health of the host, and information about its application.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use wasmtime_wasi_http::WasiBody;

use crate::serve::{outbound::client::full, runtime::Runtime};

/// Returns the response if the path is one of the host's own.
pub fn respond<B>(runtime: &Runtime, request: &Request<B>) -> Option<Response<WasiBody>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let (kind, text) = match request.uri().path() {
        // Until components and models are loaded, `Listener::refuse_during` responds, so alive
        // means ready.
        "/.well-known/spin/health" => ("text/plain", "OK".to_owned()),
        "/.well-known/spin/info" => ("application/json", info(runtime)),
        _ => return None,
    };
    let mut response = Response::new(full(Bytes::from(text)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Some(response)
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
