//! HTTP handler of the component.

// Only for the export that `http_component` generates.
#![allow(unsafe_code)]

use spin_sdk::http::{Request, Response};
use spin_sdk::{http_component, variables};

use crate::{Show, describe};

#[http_component]
fn handle(request: Request) -> Response {
    let method =
        http::Method::from_bytes(request.method().to_string().as_bytes()).unwrap_or_default();
    let headers = request
        .headers()
        .filter_map(|(name, value)| {
            let name = name.parse::<http::HeaderName>().ok()?;
            Some((name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?))
        })
        .collect();
    let show = match variables::get("show_keys").as_deref() {
        Ok("true") => Show::Keys,
        // Any other value masks keys: only an exact "true" may reveal patients' names.
        _ => Show::Masked,
    };
    for line in describe(&method, &headers, request.body(), show) {
        println!("{line}");
    }
    Response::new(200, ())
}
