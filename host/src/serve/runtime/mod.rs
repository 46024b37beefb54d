//! A loaded application that responds to requests.
//!
//! The runtime does not listen. [`crate::serve::server`] puts a socket in front of it, and commands
//! call it directly.

pub mod aot;
mod concurrency;
mod crashes;
mod engine;
pub(crate) mod files;
mod headers;
mod instance;
mod interfaces;
mod options;
mod route;
pub(crate) mod settings;
mod start;
mod state;

use std::{collections::HashMap, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;
use xray::{event::DeliveryStyle, report::response};

use self::{
    concurrency::{ConcurrencyLimit, Overload},
    crashes::Push,
    instance::{Failure, Handler},
    route::Router,
};
pub use self::{
    headers::Peer,
    options::{Options, PageToken, RequestObserver, default_concurrency, processors},
};
use crate::{
    app::{manifest::Manifest, variables::Variables},
    nn::Inference,
    serve::{
        logs::Stream,
        metrics::Metrics,
        outbound::client::full,
        problem::{problem, retry_later},
        traces::{Scope, Span, SpanKind},
    },
};

/// A running application. Clones share it.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    manifest: Manifest,
    router: Router,
    handlers: HashMap<String, Arc<Handler>>,
    concurrency: ConcurrencyLimit,
    inference: Arc<Inference>,
    metrics: Arc<Metrics>,
    nn_line: String,
    has_models: bool,
    options: Options,
}

impl Runtime {
    /// Loads components and models. All problems of an application are reported here, so that an
    /// existing runtime can serve.
    ///
    /// # Errors
    /// When a component or a model does not load, the backend or its target is unavailable, a file
    /// can't be read, or a template names an unknown variable; the error names it.
    pub async fn start(manifest: Manifest, variables: Variables, options: Options) -> Result<Self> {
        // Compiling and loading take a second of processor time.
        let work = move || start::start(manifest, variables, options);
        tokio::task::spawn_blocking(work)
            .await
            .context("the start panicked")?
    }

    /// Responds to a request. Failures become problem details.
    pub async fn handle(&self, mut request: Request<Bytes>) -> Response<WasiBody> {
        let arrived = Instant::now();
        let traces = self.0.options.traces.as_ref();
        let mut span = traces.map(|traces| traces.request(&request));
        let scope = span.as_ref().map(Span::scope);
        if let Some(scope) = &scope {
            request.extensions_mut().insert(scope.clone());
        }
        let response = self.route(request).await;
        self.finish(response.status(), arrived, scope);
        if let Some(span) = &mut span {
            span.respond(response.status());
        }
        response
    }

    /// Responds to a request with a complete body by a complete response.
    pub async fn call(&self, request: Request<Bytes>) -> Response<Bytes> {
        whole(self.handle(request).await).await
    }

    /// Calls a component directly, for triggers without routes. The limits of [`Self::call`] apply.
    /// The request's extensions may have the [`Scope`] of its trace.
    pub async fn call_component(
        &self,
        component: &str,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let arrived = Instant::now();
        let scope = request.extensions().get::<Scope>().cloned();
        let response = match self.0.handlers.get(component) {
            Some(handler) => {
                let result = self.run(handler, request, |_| {}).await;
                result.unwrap_or_else(failed)
            }
            None => problem(
                StatusCode::NOT_FOUND,
                "the trigger's component is not loaded",
            ),
        };
        self.finish(response.status(), arrived, scope);
        whole(response).await
    }

    fn finish(&self, status: StatusCode, arrived: Instant, scope: Option<Scope>) {
        let took = arrived.elapsed();
        let trace_id = scope.and_then(|scope| scope.context().trace_id());
        self.0.metrics.request(status, took, trace_id);
        // Without the path: it may hold anything.
        tracing::debug!(status = status.as_u16(), ?took, "request");
    }

    async fn route(&self, request: Request<Bytes>) -> Response<WasiBody> {
        let inner = &*self.0;
        let path = request.uri().path().to_owned();
        let Some(found) = inner.router.find(&path) else {
            inner.metrics.rejected("no-route");
            return problem(
                StatusCode::NOT_FOUND,
                "no route of the application matches this path",
            );
        };
        let Some(handler) = inner.handlers.get(found.component) else {
            return problem(StatusCode::NOT_FOUND, "the route's component is not loaded");
        };
        let push = Push::of(&request);
        let scope = request.extensions().get::<Scope>().cloned();
        let decorate = |request: &mut Request<Bytes>| headers::decorate(request, &found);
        let result = self.run(handler, request, decorate).await;
        if let (Err(Failure::Crashed), Some(push)) = (&result, push)
            && let Some(mut report) = handler.crashes.record(&push, &handler.variables)
        {
            report.trace_id = scope.and_then(|scope| scope.context().trace_id());
            handler.logs.line(Stream::Stdout, &report.line());
            return response::respond(DeliveryStyle::Gateway, &[report]).map(full);
        }
        result.unwrap_or_else(failed)
    }

    async fn run(
        &self,
        handler: &Arc<Handler>,
        mut request: Request<Bytes>,
        decorate: impl FnOnce(&mut Request<Bytes>),
    ) -> Result<Response<WasiBody>, Failure> {
        let inner = &*self.0;
        let scope = request.extensions_mut().remove::<Scope>();
        let begin = |name| Some(scope.as_ref()?.begin(name, SpanKind::Internal));
        let mut queue = begin("queue");
        let permit = match inner.concurrency.acquire().await {
            Ok(permit) => permit,
            Err(Overload::QueueFull) => {
                inner.metrics.rejected("queue-full");
                fail(&mut queue, "queue-full");
                return Ok(retry_later("the queue of waiting requests is full"));
            }
            Err(Overload::QueueTimeout) => {
                inner.metrics.rejected("queue-wait");
                fail(&mut queue, "queue-wait");
                return Ok(retry_later("the request waited too long in the queue"));
            }
        };
        drop(queue);
        decorate(&mut request);
        let mut component = begin("component");
        if let Some(span) = &mut component {
            span.set("xray.component", handler.id.clone());
            span.scope().announce(&mut request);
        }
        let (head, body) = request.into_parts();
        for observer in &inner.options.observers {
            observer(&head, &body);
        }
        handler
            .call(Request::from_parts(head, full(body)), permit, component)
            .await
    }

    /// Returns a line with the inference backend, its version and the reason for the choice.
    pub fn nn_line(&self) -> &str {
        &self.0.nn_line
    }

    /// Reports whether a component has models among its files.
    pub fn has_models(&self) -> bool {
        self.0.has_models
    }

    /// Returns the inference backend and its models.
    pub fn inference(&self) -> &Inference {
        &self.0.inference
    }

    /// Returns the application's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Returns the metrics.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Returns the options of this runtime.
    pub fn options(&self) -> &Options {
        &self.0.options
    }
}

fn fail(span: &mut Option<Span>, reason: &'static str) {
    if let Some(span) = span {
        span.fail(reason);
    }
}

fn failed(failure: Failure) -> Response<WasiBody> {
    match failure {
        Failure::Deadline => retry_later("the component took too long"),
        Failure::Broken | Failure::Crashed => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the component failed to process this request",
        ),
    }
}

/// Collects the body of a response.
async fn whole(response: Response<WasiBody>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(head, body.to_bytes()),
        Err(_) => {
            let mut response =
                Response::new(Bytes::from_static(b"the component's response broke off"));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}
