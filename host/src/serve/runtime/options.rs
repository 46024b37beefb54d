//! What can be set about a runtime.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use crate::{
    nn::{backend::Target, choose::Choice},
    serve::{egress::InProcess, logs::Listener},
};

/// Settings of a runtime; the defaults are those of `xray up`.
#[derive(Clone)]
pub struct Options {
    /// Which inference backend.
    pub nn: Choice,
    /// Where it computes.
    pub target: Target,
    /// A folder to look for its library in, before all others.
    pub backends_dir: Option<PathBuf>,
    /// Whether guests may load models from bytes of theirs.
    pub nn_allow_load: bool,
    /// Inferences at a time, for each model.
    pub sessions: usize,
    /// Requests at a time; each has an instance of its own.
    pub max_concurrency: usize,
    /// Requests that may wait for an instance.
    pub queue: usize,
    /// How long one may wait.
    pub queue_wait: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// Bytes of memory that an instance may have.
    pub max_memory: usize,
    /// Bytes that a request's body may have.
    pub max_body: usize,
    /// Folder for compiled code; `None` compiles every time.
    pub state_dir: Option<PathBuf>,
    /// Folder for what components print; `None` keeps none.
    pub log_dir: Option<PathBuf>,
    /// Whether the files in it are emptied first.
    pub truncate_logs: bool,
    /// Whether to keep what components print off the terminal.
    pub quiet: bool,
    /// Components whose lines go to the terminal; none names all.
    pub follow: Vec<String>,
    /// Folder for copies of files, in place of the system's for temporary ones.
    pub temp: Option<PathBuf>,
    /// Services that components reach without a socket.
    pub in_process: InProcess,
    /// Told every line that components print.
    pub listeners: Vec<Listener>,
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
            log_dir: None,
            truncate_logs: false,
            quiet: false,
            follow: Vec::new(),
            temp: None,
            in_process: InProcess::default(),
            listeners: Vec::new(),
        }
    }
}

/// Processors that this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Requests wait for the store most of the time, so there may be several for each processor; many
/// more would only take memory, since each may hold a large picture.
pub fn default_concurrency() -> usize {
    (4 * processors()).max(8)
}
