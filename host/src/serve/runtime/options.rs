//! Options of a runtime.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http::request::Parts;

use crate::{
    nn::{backend::Target, choose::Choice},
    serve::{logs::Listener, outbound::ServiceOverrides, traces::Traces},
};

/// Callback for a request.
pub type RequestObserver = Arc<dyn Fn(&Parts, &Bytes) + Send + Sync>;

/// Secret by which a component knows the requests of the page in this process.
#[derive(Clone)]
pub struct PageToken {
    /// The only component that gets it.
    pub component: String,
    /// The secret.
    pub token: String,
}

/// Options of a runtime. The defaults are those of `xray up`.
#[derive(Clone)]
pub struct Options {
    /// Choice of the inference backend.
    pub nn: Choice,
    /// Device on which it computes.
    pub target: Target,
    /// Folder searched first for the backend's library.
    pub backends_dir: Option<PathBuf>,
    /// Lets guests load models from bytes.
    pub nn_allow_load: bool,
    /// Concurrent inferences for each model.
    pub sessions: usize,
    /// Concurrent requests, each in its own instance.
    pub max_concurrency: usize,
    /// Maximum number of waiting requests.
    pub queue: usize,
    /// Maximum waiting time of a request.
    pub queue_wait: Duration,
    /// Maximum processing time of a request.
    pub timeout: Duration,
    /// Maximum memory of an instance in bytes.
    pub max_memory: usize,
    /// Maximum size of a request's body in bytes.
    pub max_body: usize,
    /// Folder for compiled code; with `None`, every start compiles.
    pub state_dir: Option<PathBuf>,
    /// Read-only folder of code that `xray precompile` compiled.
    pub precompiled_dir: Option<PathBuf>,
    /// Folder for the components' output; with `None`, it isn't stored.
    pub log_dir: Option<PathBuf>,
    /// Empties the files in it at the start.
    pub truncate_logs: bool,
    /// Keeps the components' output off the terminal.
    pub quiet: bool,
    /// Components whose output goes to the terminal; an empty list means all.
    pub follow: Vec<String>,
    /// Folder for copies of files, instead of the system's temporary folder.
    pub temp: Option<PathBuf>,
    /// Services in this process that replace hosts.
    pub service_overrides: ServiceOverrides,
    /// Destination of traces, if they are on.
    pub traces: Option<Traces>,
    /// Sends the context of the trace with the components' requests.
    pub propagate_trace: bool,
    /// Secret of the page, if there is one.
    pub page_token: Option<PageToken>,
    /// Callbacks for every line that components print.
    pub listeners: Vec<Listener>,
    /// Callbacks for every request with a complete body, before a component gets it.
    pub observers: Vec<RequestObserver>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nn: Choice::Auto,
            target: Target::Cpu,
            backends_dir: None,
            nn_allow_load: false,
            sessions: processors(),
            max_concurrency: default_concurrency(),
            queue: 1024,
            queue_wait: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            max_memory: 512 << 20,
            max_body: 4 << 20,
            state_dir: None,
            precompiled_dir: None,
            log_dir: None,
            truncate_logs: false,
            quiet: false,
            follow: Vec::new(),
            temp: None,
            service_overrides: ServiceOverrides::default(),
            traces: None,
            propagate_trace: false,
            page_token: None,
            listeners: Vec::new(),
            observers: Vec::new(),
        }
    }
}

/// Returns the number of processors available to this process.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Returns the default number of concurrent requests. Requests mostly wait for the store, so each
/// processor can handle several; many more would only take memory, since each may hold a large
/// picture.
pub fn default_concurrency() -> usize {
    (4 * processors()).max(8)
}
