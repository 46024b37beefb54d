//! An application, loaded and ready to answer requests.
//!
//! Nothing here listens. [`crate::serve::server`] puts a socket in front of it; commands call it directly.

mod admission;
mod aot;
mod engine;
pub(crate) mod files;
mod headers;
mod instance;
mod options;
mod route;
mod start;
mod state;

use std::{collections::HashMap, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;

use self::{
    admission::{Admission, Turned},
    instance::{Failure, Handler},
    route::Router,
};
pub use self::{
    headers::Peer,
    options::{Options, default_concurrency, processors},
};
use crate::{
    app::{manifest::Manifest, variables::Variables},
    nn::Inference,
    serve::{
        egress::client::full,
        metrics::Metrics,
        problem::{later, problem},
    },
};

/// A running application. Clones share it.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    manifest: Manifest,
    router: Router,
    handlers: HashMap<String, Arc<Handler>>,
    admission: Admission,
    inference: Arc<Inference>,
    metrics: Arc<Metrics>,
    nn_line: String,
    options: Options,
}

impl Runtime {
    /// Loads components and models. Everything that can be wrong with the application is an error
    /// here, so that a runtime that exists can serve.
    ///
    /// # Errors
    /// When a component or a model does not load, the backend or its target is not there, a file
    /// cannot be read, or a template names an unknown variable; the error names it.
    pub async fn start(manifest: Manifest, variables: Variables, options: Options) -> Result<Self> {
        // Compiling and loading take a second of processor time.
        let work = move || start::start(manifest, variables, options);
        tokio::task::spawn_blocking(work)
            .await
            .context("the start failed")?
    }

    /// Answers a request. There is always an answer: what goes wrong becomes problem details.
    pub async fn handle(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        let arrived = Instant::now();
        let answer = self.answer(request).await;
        self.0.metrics.request(answer.status(), arrived.elapsed());
        answer
    }

    /// [`Self::handle`] for those who have the whole body and want the whole answer.
    pub async fn call(&self, request: Request<Bytes>) -> Response<Bytes> {
        whole(self.handle(request.map(full)).await).await
    }

    /// [`Self::call`] for a trigger that knows its component and needs no route. The limits are the same.
    pub async fn call_component(
        &self,
        component: &str,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let arrived = Instant::now();
        let answer = match self.0.handlers.get(component) {
            Some(handler) => self.admitted(handler, request.map(full), |_| {}).await,
            None => problem(
                StatusCode::NOT_FOUND,
                "the trigger's component is not loaded",
            ),
        };
        self.0.metrics.request(answer.status(), arrived.elapsed());
        whole(answer).await
    }

    async fn answer(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        let inner = &*self.0;
        let path = request.uri().path().to_owned();
        let Some(found) = inner.router.find(&path) else {
            inner.metrics.rejected("no-route");
            return problem(
                StatusCode::NOT_FOUND,
                "no route of the application leads here",
            );
        };
        let Some(handler) = inner.handlers.get(found.component) else {
            return problem(StatusCode::NOT_FOUND, "the route's component is not loaded");
        };
        let decorate = |request: &mut Request<WasiBody>| headers::decorate(request, &found);
        self.admitted(handler, request, decorate).await
    }

    async fn admitted(
        &self,
        handler: &Arc<Handler>,
        mut request: Request<WasiBody>,
        decorate: impl FnOnce(&mut Request<WasiBody>),
    ) -> Response<WasiBody> {
        let inner = &*self.0;
        let place = match inner.admission.enter().await {
            Ok(place) => place,
            Err(Turned::QueueFull) => {
                inner.metrics.rejected("queue-full");
                return later("as many requests are waiting as may");
            }
            Err(Turned::WaitedTooLong) => {
                inner.metrics.rejected("queue-wait");
                return later("the requests before this one take too long");
            }
        };
        decorate(&mut request);
        match handler.call(request, place).await {
            Ok(answer) => answer,
            Err(Failure::Deadline) => later("the component took too long"),
            Err(Failure::Broken) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the component failed at this request",
            ),
        }
    }

    /// One line that names the inference backend by its own version, and says why it was taken.
    pub fn nn_line(&self) -> &str {
        &self.0.nn_line
    }

    /// The inference backend and its models.
    pub fn inference(&self) -> &Inference {
        &self.0.inference
    }

    /// The application's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// The settings that this runtime was started with.
    pub fn options(&self) -> &Options {
        &self.0.options
    }
}

/// The answer with all of its body.
async fn whole(answer: Response<WasiBody>) -> Response<Bytes> {
    let (head, body) = answer.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(head, body.to_bytes()),
        Err(_) => {
            let mut answer =
                Response::new(Bytes::from_static(b"the component broke off its answer"));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    }
}
