//! Flags of every command that runs the component.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use clap::Args;

use super::{source_args::SourceArgs, spin_args::SpinArgs};
use crate::{
    app::{
        manifest::Manifest,
        variables::{self, Sources, Variables},
    },
    nn::{backend::Target, choose::Choice},
    serve::{
        runtime::{Options, default_concurrency, processors},
        traces,
    },
};

/// Name of the folder beside this program.
const PRECOMPILED: &str = "precompiled";

/// Arguments of every command that runs the component.
#[derive(Debug, Args)]
pub struct RuntimeArgs {
    /// The application.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Set a variable: NAME=VALUE, NAME=@FILE, or @FILE of JSON or TOML.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Spin's runtime configuration, from which variable providers are read.
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    pub runtime_config_file: Option<PathBuf>,
    /// Folder for compiled code and logs; empty for none [default: .xray beside the manifest].
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Folder for the output of components; empty for none [default: logs in the state folder].
    #[arg(long, short = 'L', value_name = "DIR", env = "SPIN_LOG_DIR", value_parser = path_or_empty)]
    pub log_dir: Option<PathBuf>,
    /// Keep the output of components off the terminal.
    #[arg(long, short = 'q', aliases = ["sh", "shush"])]
    pub quiet: bool,
    /// Further options of Spin.
    #[command(flatten)]
    pub spin: SpinArgs,
    /// Inference backend.
    #[arg(long, value_enum, default_value_t)]
    pub nn: Choice,
    /// Device for inference; a device that the machine lacks is an error.
    #[arg(long, value_enum, default_value_t)]
    pub nn_target: Target,
    /// Let components load models from bytes, in addition to those under /models.
    #[arg(long)]
    pub nn_allow_load: bool,
    /// Folder that `setup-backends` filled.
    #[arg(long, value_name = "DIR", env = "XRAY_BACKENDS_DIR")]
    pub backends_dir: Option<PathBuf>,
    /// Maximum number of concurrent inferences.
    #[arg(long, value_name = "N", default_value_t = processors())]
    pub sessions: usize,
    /// Maximum number of concurrent requests.
    #[arg(long, value_name = "N", default_value_t = default_concurrency())]
    pub max_concurrency: usize,
    /// Maximum number of waiting requests; further ones get 503.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub queue: usize,
    /// Seconds that a request may wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub queue_wait: f64,
    /// Seconds that a request may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub timeout: f64,
    /// Mebibytes of memory for a request.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub max_memory: usize,
    /// Send the context of an event's trace to the store, as the header traceparent. Traces are on
    /// with OTEL_EXPORTER_OTLP_ENDPOINT.
    #[arg(long, env = "XRAY_PROPAGATE_TRACE")]
    pub propagate_trace: bool,
    /// Mebibytes that a request's body may have.
    #[arg(long, value_name = "MIB", default_value_t = 4)]
    pub max_body: usize,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err("expected seconds, above 0 and at most a day".into()),
    }
}

/// Accepts an empty path, which the parser for paths rejects.
fn path_or_empty(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(text.into())
}

impl RuntimeArgs {
    /// Reads the application from disk, or pulls it from a registry.
    ///
    /// # Errors
    /// Returns an error if it does not exist, or this host can't run it.
    pub async fn application(&self) -> Result<Manifest> {
        let mut manifest = self.source.load().await?;
        self.spin.apply(&mut manifest);
        Ok(manifest)
    }

    /// Returns the settings for a runtime of this application.
    ///
    /// # Errors
    /// Returns an error if the environment asks for traces in a way that is not supported.
    pub fn options(&self, manifest: &Manifest) -> Result<Options> {
        let state_dir = match (&self.state_dir, &manifest.cache) {
            (Some(dir), _) => Some(dir.clone()).filter(|dir| !dir.as_os_str().is_empty()),
            (None, Some(cache)) => Some(cache.path().to_owned()),
            (None, None) => Some(default_state_dir(&manifest.dir)),
        };
        let log_dir = match &self.log_dir {
            Some(dir) => Some(dir.clone()).filter(|dir| !dir.as_os_str().is_empty()),
            // As in Spin, an image has no place for logs of its own.
            None if self.state_dir.is_none() && manifest.cache.is_some() => None,
            None => state_dir
                .as_ref()
                .and_then(|dir| writable(dir.join("logs"))),
        };
        let options = Options {
            nn: self.nn,
            target: self.nn_target,
            backends_dir: self.backends_dir.clone(),
            nn_allow_load: self.nn_allow_load,
            sessions: self.sessions,
            max_concurrency: self.max_concurrency,
            queue: self.queue,
            queue_wait: Duration::from_secs_f64(self.queue_wait),
            timeout: Duration::from_secs_f64(self.timeout),
            max_memory: self.max_memory << 20,
            max_body: self.max_body << 20,
            state_dir,
            precompiled_dir: beside_this_program(),
            log_dir,
            quiet: self.quiet,
            traces: traces::of_environment()?,
            propagate_trace: self.propagate_trace,
            ..Options::default()
        };
        Ok(self.spin.over(options))
    }

    /// Returns the sources of the manifest's variables.
    ///
    /// # Errors
    /// Returns an error if an argument of `--variable` is malformed or names a missing file.
    pub fn sources(&self, manifest: &Manifest) -> Result<Sources> {
        Ok(Sources {
            explicit: variables::parse_explicit(&self.variables)?,
            runtime_config: self.runtime_config_file.clone(),
            dir: manifest.dir.clone(),
            environment: true,
        })
    }

    /// Resolves the manifest's variables.
    ///
    /// # Errors
    /// Returns an error if a required one has no value, or a source can't be read.
    pub fn resolve(&self, manifest: &Manifest) -> Result<Variables> {
        Variables::resolve(&manifest.variables, &self.sources(manifest)?)
    }
}

/// Returns the folder of precompiled code that an image has beside this program.
fn beside_this_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.with_file_name(PRECOMPILED)).filter(|dir| dir.is_dir())
}

/// Returns the state folder beside the manifest, with a .gitignore in it.
fn default_state_dir(dir: &Path) -> PathBuf {
    let state = dir.join(".xray");
    if std::fs::create_dir(&state).is_ok() {
        _ = std::fs::write(state.join(".gitignore"), "*\n");
    }
    state
}

/// Returns `dir` if it is writable. In a container the application's folder may be read-only, and
/// logs there were not asked for.
fn writable(dir: PathBuf) -> Option<PathBuf> {
    std::fs::create_dir_all(&dir).ok()?;
    tempfile::tempfile_in(&dir).ok().map(|_| dir)
}
