//! HTTP handler of the component.

// Only for the export that `http_component` generates.
#![allow(unsafe_code)]

use spin_sdk::http::{Method, Request, Response, send};
use spin_sdk::{http_component, variables};

use crate::line;

#[http_component]
async fn handle(request: Request) -> Response {
    // The status is the record's fate: 200 finishes it, 503 has it delivered again later, and 400
    // would make it a dead letter.
    match greet(&request).await {
        Ok(()) => Response::new(200, ()),
        Err(problem) => {
            eprintln!("{problem}");
            Response::new(503, ())
        }
    }
}

async fn greet(request: &Request) -> Result<(), String> {
    let header = |name| request.header(name).and_then(|value| value.as_str());
    let id = header("ce-id").unwrap_or("a request without a record");
    let greeting = std::fs::read_to_string("/greeting.txt").map_err(|error| error.to_string())?;
    println!("{}", line(&greeting, id, request.body()));

    let url = variables::get("forward_to").map_err(|error| error.to_string())?;
    if url.is_empty() {
        return Ok(());
    }
    let forwarded = Request::builder()
        .method(Method::Post)
        .uri(url)
        .header("ce-id", id)
        .body(request.body().to_vec())
        .build();
    let response: Response = send(forwarded).await.map_err(|error| error.to_string())?;
    match response.status() {
        200..=299 => Ok(()),
        status => Err(format!("the receiver responded with {status}")),
    }
}
