//! How the commands that work on a store reach it: over HTTPS too, and with nothing of a URL in an error, since URLs hold
//! keys.

use anyhow::{Context, Result, anyhow};
use http::Response;
use http_body_util::BodyExt;
use xray_demo::Transport;

use crate::egress::client::{Client, full};

/// The host's own client as a transport of whole requests and answers.
///
/// # Errors
/// When the machine's certificates cannot be read.
pub fn transport() -> Result<Transport> {
    let client = Client::new()?;
    Ok(Transport::call(move |request| {
        let client = client.clone();
        async move {
            let answer = client.send(request.map(full), None).await;
            let answer = answer.map_err(|error| anyhow!("{error:?}"))?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.context("the answer broke off")?;
            Ok(Response::from_parts(head, body.to_bytes()))
        }
    }))
}
