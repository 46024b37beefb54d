//! `wasi:nn` for components, over interchangeable backends.
//!
//! Models are loaded once, at start, from the paths where the manifest's `files` put them for the
//! component. Every request reaches them by name. One backend serves all of them.
//!
//! This is not `wasmtime-wasi-nn`, wasmtime's own crate, because that one blocks the async executor
//! during inference, serializes all requests to a graph on one mutex, panics on tensors that are
//! not f32, and does not compile with the `ort` release that is pinned here. Here inference runs on
//! blocking threads, each graph has a pool of sessions, and whatever a guest passes becomes an
//! error resource of that guest.

pub mod backend;
pub mod bindings;
pub mod choose;
pub mod composed;
pub mod embedded;
pub mod fit;
pub mod graph;
pub mod host;
pub mod library;
pub mod models;
pub mod onnx;
pub mod openvino;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use bindings::wasi::nn::graph::{ExecutionTarget, GraphEncoding};
pub use xray_nn::{error, tensor};

use self::{
    backend::{Backend, Loaded, Target},
    choose::Chosen,
    error::{ErrorCode, NnError},
    graph::Graph,
    models::ModelFile,
};

/// Maximum size of a model that a guest loads from bytes.
const MAX_GUEST_MODEL: usize = 256 << 20;

/// A backend and its loaded models.
pub struct Inference {
    backend: Arc<dyn Backend>,
    target: Target,
    graphs: BTreeMap<String, Arc<Graph>>,
    allow_load: bool,
}

/// Loads a model, and checks that it fits its contract.
///
/// # Errors
/// When the backend rejects the model or it does not fit; the error names it.
pub fn load_checked(backend: &dyn Backend, model: &ModelFile, sessions: usize) -> Result<Loaded> {
    let loaded = backend.load(&model.bytes, sessions);
    let mut loaded = loaded.with_context(|| {
        let version = backend.version();
        format!("{version} cannot load the model {:?}", model.name)
    })?;
    fit::check(model, &mut loaded)?;
    Ok(loaded)
}

impl Inference {
    /// Loads every model into `sessions` sessions.
    ///
    /// # Errors
    /// When the backend rejects a model, or a model does not fit its contract; the error names it.
    pub fn start(
        chosen: &Chosen,
        models: &[ModelFile],
        sessions: usize,
        allow_load: bool,
    ) -> Result<Self> {
        let mut graphs = BTreeMap::new();
        for model in models {
            let loaded = load_checked(&*chosen.backend, model, sessions)?;
            graphs.insert(model.name.clone(), Arc::new(Graph::new(loaded)));
        }
        let (backend, target) = (chosen.backend.clone(), chosen.target);
        Ok(Self {
            backend,
            target,
            graphs,
            allow_load,
        })
    }

    /// Returns the backend's name and version.
    pub fn version(&self) -> String {
        self.backend.version()
    }

    /// Lists the names of the models that guests can load.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.graphs.keys().map(String::as_str)
    }

    /// Returns the number of sessions of all models, and of those that are computing.
    pub fn sessions(&self) -> (usize, usize) {
        self.graphs.values().fold((0, 0), |(total, busy), graph| {
            (total + graph.sessions(), busy + graph.sessions_in_use())
        })
    }

    /// Returns a model by its name.
    ///
    /// # Errors
    /// `not-found`, which lists the existing names.
    pub fn by_name(&self, name: &str) -> Result<Arc<Graph>, NnError> {
        self.graphs.get(name).cloned().ok_or_else(|| {
            let names: Vec<_> = self.models().collect();
            let message = format!("no model {name:?} under /models, only {names:?}");
            NnError::new(ErrorCode::NotFound, message)
        })
    }

    async fn load(
        &self,
        mut builder: Vec<Vec<u8>>,
        encoding: GraphEncoding,
        target: ExecutionTarget,
    ) -> Result<Arc<Graph>, NnError> {
        if !self.allow_load {
            let message =
                "loading models from bytes is disabled; start the host with --nn-allow-load";
            return Err(NnError::new(ErrorCode::Security, message));
        }
        if !matches!(encoding, GraphEncoding::Onnx | GraphEncoding::Autodetect) {
            let message = format!("only ONNX models can be loaded, not {encoding:?}");
            return Err(NnError::new(ErrorCode::InvalidEncoding, message));
        }
        if Target::from(target) != self.target {
            let message = format!("this host computes on the {}", self.target.name());
            return Err(NnError::unsupported(message));
        }
        let (Some(model), true) = (builder.pop(), builder.is_empty()) else {
            let message = "an ONNX model consists of exactly one buffer";
            return Err(NnError::new(ErrorCode::InvalidArgument, message));
        };
        if model.len() > MAX_GUEST_MODEL {
            let message = format!("the model exceeds {MAX_GUEST_MODEL} bytes");
            return Err(NnError::new(ErrorCode::TooLarge, message));
        }
        xray_nn::source::check(&model)?;
        let backend = self.backend.clone();
        let work = tokio::task::spawn_blocking(move || backend.load(&model, 1));
        let loaded = work
            .await
            .map_err(|_| NnError::runtime("the backend panicked"))??;
        Ok(Arc::new(Graph::new(loaded)))
    }
}
