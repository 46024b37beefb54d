//! An application, loaded and ready to answer requests.
//!
//! Nothing here listens. [`crate::server`] puts a socket in front of it; commands call it directly.

mod admission;
mod aot;
mod engine;
mod files;
mod headers;
mod instance;
mod options;
mod route;
mod state;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
    time::Instant,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{WasiBody, p2::bindings::ProxyPre};

use self::{
    admission::{Admission, Turned},
    files::Mounts,
    instance::{Failure, Handler},
    route::Router,
};
pub use self::{
    headers::Peer,
    options::{Options, processors},
};
use crate::{
    egress::{
        Egress, InProcess,
        allowed::{AllowedHosts, SELF},
        client::{Client, full},
    },
    logs::Logs,
    manifest::Manifest,
    metrics::Metrics,
    nn::{Inference, choose, library::SearchPath, models},
    problem::{later, problem},
    variables::{Sources, Variables},
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
    /// When a variable has no value, a component or a model does not load, the backend or its target
    /// is not there, or a file cannot be read; the error names it.
    pub async fn start(manifest: Manifest, sources: Sources, options: Options) -> Result<Self> {
        // Compiling and loading take a second of processor time.
        let start = move || Self::start_blocking(manifest, &sources, options);
        tokio::task::spawn_blocking(start)
            .await
            .context("the start failed")?
    }

    fn start_blocking(manifest: Manifest, sources: &Sources, options: Options) -> Result<Self> {
        let variables = Variables::resolve(&manifest.variables, sources)?;
        let routes = manifest
            .routes
            .iter()
            .map(|r| (r.route.as_str(), r.component.as_str()));
        let router = Router::new(&manifest.base, routes)?;
        let metrics = Arc::new(Metrics::default());

        let mut mounts = HashMap::new();
        let mut found = Vec::new();
        for (id, component) in &manifest.components {
            let files = Mounts::prepare(&component.files, &manifest.dir)
                .with_context(|| format!("component {id}"))?;
            found.extend(files.models());
            mounts.insert(id.clone(), files);
        }
        found.sort();
        found.dedup();
        let models = models::read_all(&found)?;
        let path = SearchPath::new(options.backends_dir.as_deref(), Some(&manifest.dir));
        let chosen = choose::choose(options.nn, options.target, &path)?;
        let inference = Inference::start(
            &chosen,
            &models,
            options.sessions.max(1),
            options.nn_allow_load,
        )?;
        let inference = Arc::new(inference);
        metrics.describe(&inference.version(), options.target.name());

        let engine = engine::build(options.max_concurrency.max(1), options.max_memory)?;
        let linker = state::linker(&engine)?;
        let cache = options.state_dir.as_ref().map(|dir| dir.join("cwasm"));
        let client = Client::new()?;
        let itself = Arc::new(OnceLock::new());
        let in_process = Arc::new(with_itself(options.in_process.clone(), itself.clone()));
        let mut handlers = HashMap::new();
        for (id, component) in &manifest.components {
            let context = || format!("component {id}");
            let compiled = aot::load(&engine, &component.source, cache.as_deref(), &metrics)
                .with_context(context)?;
            let pre = linker.instantiate_pre(&compiled).and_then(ProxyPre::new);
            let pre = pre.map_err(anyhow::Error::from).with_context(|| {
                format!("component {id} wants an interface that this host lacks, or is not an HTTP component")
            })?;
            let mut listeners = options.listeners.clone();
            listeners.push(metrics.listener());
            let logs = Arc::new(Logs::open(
                id,
                options.log_dir.as_deref(),
                options.quiet,
                listeners,
            )?);
            let hosts: Vec<String> = component
                .allowed_outbound_hosts
                .iter()
                .map(|host| variables.expand(host))
                .collect::<Result<_>>()
                .with_context(context)?;
            let allowed = Arc::new(AllowedHosts::parse(&hosts).with_context(context)?);
            let egress = Egress {
                allowed,
                client: client.clone(),
                in_process: in_process.clone(),
                logs: logs.clone(),
            };
            let own = variables
                .for_component(&component.variables)
                .with_context(context)?;
            let handler = Handler {
                pre,
                egress,
                variables: Arc::new(own),
                environment: component.environment.clone().into_iter().collect(),
                mounts: mounts.remove(id).unwrap_or_default(),
                logs,
                inference: inference.clone(),
                metrics: metrics.clone(),
                timeout: options.timeout,
                max_memory: options.max_memory,
            };
            handlers.insert(id.clone(), Arc::new(handler));
        }
        let admission = Admission::new(
            options.max_concurrency.max(1),
            options.queue,
            options.queue_wait,
            metrics.in_flight.clone(),
            metrics.queued.clone(),
        );
        let nn_line = chosen.line;
        let inner = Inner {
            manifest,
            router,
            handlers,
            admission,
            inference,
            metrics,
            nn_line,
            options,
        };
        let this = Self(Arc::new(inner));
        _ = itself.set(Arc::downgrade(&this.0));
        Ok(this)
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
        let (head, body) = self.handle(request.map(full)).await.into_parts();
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

    async fn answer(&self, mut request: Request<WasiBody>) -> Response<WasiBody> {
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
        headers::decorate(&mut request, &found);
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

/// `http://self.alt`, Spin's name for the application itself.
fn with_itself(in_process: InProcess, itself: Arc<OnceLock<Weak<Inner>>>) -> InProcess {
    in_process.with(SELF, move |request| {
        let runtime = itself.get().and_then(Weak::upgrade).map(Runtime);
        async move {
            let runtime = runtime.context("the application has ended")?;
            // A component may call itself without end; each call holds a place, so the queue ends it.
            Ok(Box::pin(runtime.call(request)).await)
        }
    })
}
