//! Everything a component sends goes through here, and nothing else: sockets are closed to it.

pub mod allowed;
mod between_bytes;
pub mod client;

use std::{collections::HashMap, fmt, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::{allowed::AllowedHosts, client::Client};
use crate::serve::logs::Logs;

/// The largest body that goes to a service in this process, which takes it whole.
const IN_PROCESS_BODY: usize = 256 << 20;

type Call = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>>> + Send + Sync;

/// Services in this process, by the authority under which a component calls them. What is listed
/// here needs no socket; `allowed_outbound_hosts` holds for it as for any other.
#[derive(Clone, Default)]
pub struct InProcess(HashMap<String, Arc<Call>>);

impl InProcess {
    /// Answers requests to `authority` (`host` or `host:port`, as the component writes it) with
    /// this function.
    #[must_use]
    pub fn with<F, A>(mut self, authority: &str, service: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response<Bytes>>> + Send + 'static,
    {
        self.0.insert(
            authority.to_ascii_lowercase(),
            Arc::new(move |request| Box::pin(service(request))),
        );
        self
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How one component's requests leave.
#[derive(Clone)]
pub struct Egress {
    /// Where to.
    pub allowed: Arc<AllowedHosts>,
    /// With what.
    pub client: Client,
    /// Without a socket.
    pub in_process: Arc<InProcess>,
    /// Told of what was denied.
    pub logs: Arc<Logs>,
}

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Done), Error>;

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _finished: Done,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if !self.allowed.allows(request.uri()) {
            let origin = origin(&request);
            self.logs.host(&format!(
                "denied a request to {origin}; to allow it, add {origin:?} to the component's allowed_outbound_hosts"
            ));
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let local = request.uri().authority().and_then(|authority| {
            self.in_process
                .0
                .get(&authority.as_str().to_ascii_lowercase())
                .cloned()
        });
        let client = self.client.clone();
        Box::new(async move {
            let answer = match local {
                Some(service) => call(&*service, request).await?,
                None => client.send(request, options).await?,
            };
            let done: Done = Box::new(async { Ok(()) });
            Ok((answer, done))
        })
    }
}

async fn call(service: &Call, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, IN_PROCESS_BODY).collect().await;
    let body = body
        .map_err(|_| Error::HttpRequestBodySize(None))?
        .to_bytes();
    match service(Request::from_parts(head, body)).await {
        Ok(answer) => Ok(answer.map(client::full)),
        // A service in the process that gives no answer is, to the guest, a peer that is down.
        Err(_) => Err(Error::ConnectionRefused),
    }
}

/// Scheme, host and port only: paths hold object keys, and those hold names.
fn origin(request: &Request<WasiBody>) -> String {
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or("http"))
}
