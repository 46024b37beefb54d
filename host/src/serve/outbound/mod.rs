//! Outbound HTTP, a component's only way to the network: it has no sockets.

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
use crate::serve::{
    logs::Logs,
    traces::{Scope, Traced},
};

/// Maximum size of a request body to a service in this process, which takes it as a whole.
const MAX_OVERRIDE_BODY: usize = 256 << 20;

type Call = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>>> + Send + Sync;

/// Services in this process that replace hosts, by the authority under which a component calls
/// them. They need no socket. `allowed_outbound_hosts` applies to them as to all hosts.
#[derive(Clone, Default)]
pub struct ServiceOverrides(HashMap<String, Arc<Call>>);

impl ServiceOverrides {
    /// Sends requests for `authority` (`host` or `host:port`, as the component writes it) to this
    /// function.
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

impl fmt::Debug for ServiceOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Outbound HTTP of one component.
#[derive(Clone)]
pub struct OutboundHttp {
    /// Hosts that it may call.
    pub allowed: Arc<AllowedHosts>,
    /// Client for all other hosts.
    pub client: Client,
    /// Services that replace hosts.
    pub service_overrides: Arc<ServiceOverrides>,
    /// Log for denied requests.
    pub logs: Arc<Logs>,
    /// Trace of the instance.
    pub scope: Option<Scope>,
    /// Sends the context of the trace with each request.
    pub propagates: bool,
}

impl OutboundHttp {
    /// Returns the outbound HTTP of an instance.
    pub fn within(&self, scope: Option<Scope>) -> Self {
        Self {
            scope,
            ..self.clone()
        }
    }
}

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Done), Error>;

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _finished: Done,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if !self.allowed.allows(request.uri()) {
            let origin = origin(&request);
            let text = format!(
                "denied a request to {origin}; to allow it, add {origin:?} to the component's allowed_outbound_hosts"
            );
            self.logs.host_message(&text, self.scope.as_ref());
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let service = request.uri().authority().and_then(|authority| {
            self.service_overrides
                .0
                .get(&authority.as_str().to_ascii_lowercase())
                .cloned()
        });
        let client = self.client.clone();
        let scope = self.scope.as_ref();
        let span = scope.map(|scope| scope.outbound(&mut request, self.propagates));
        Box::new(async move {
            let result = match service {
                Some(service) => call(&*service, request).await,
                None => client.send(request, options).await,
            };
            let response = match span {
                None => result?,
                Some(mut span) => {
                    span.responded(result.as_ref().map(Response::status));
                    result?.map(|body| Traced::wrap(body, span))
                }
            };
            let done: Done = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

async fn call(service: &Call, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_OVERRIDE_BODY).collect().await;
    let body = body
        .map_err(|_| Error::HttpRequestBodySize(None))?
        .to_bytes();
    match service(Request::from_parts(head, body)).await {
        Ok(response) => Ok(response.map(client::full)),
        // To the guest, a service that fails is a peer that is down.
        Err(_) => Err(Error::ConnectionRefused),
    }
}

/// Returns scheme, host and port only: paths hold object keys, which hold patients' names.
fn origin(request: &Request<WasiBody>) -> String {
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or("http"))
}
