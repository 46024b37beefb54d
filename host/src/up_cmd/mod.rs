//! `xray up`: serve an application, with the options that `spin up` has.

pub mod kafka;
mod source;
mod spin;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use clap::Args;
use futures_util::FutureExt;

use self::{kafka::KafkaArgs, source::SourceArgs, spin::SpinArgs};

use crate::{
    app::{
        manifest::Manifest,
        variables::{self, Sources, Variables},
    },
    kafka::config::Config,
    nn::{backend::Target, choose::Choice},
    serve::{
        metrics,
        runtime::{Options, Runtime, default_concurrency, processors},
        server::{self, Server},
    },
};

/// Arguments of `xray up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Address to serve on; port 0 takes any free port.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:3000",
        env = "SPIN_HTTP_LISTEN_ADDR",
        value_parser = spin::listen_address
    )]
    pub listen: SocketAddr,
    /// Take the next free port where that of --listen is taken.
    #[arg(long)]
    pub find_free_port: bool,
    /// Serve only this component; may be given more than once.
    #[arg(short = 'c', long, value_name = "ID")]
    pub component_id: Vec<String>,
    /// Metrics for Prometheus on this address, at /metrics.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// What every command that runs the component has.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

/// Arguments of every command that runs the component.
#[derive(Debug, Args)]
pub struct RuntimeArgs {
    /// Which application.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Set a variable: NAME=VALUE, NAME=@FILE, or @FILE of JSON or TOML.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Spin's runtime configuration; variable providers are read from it.
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    pub runtime_config_file: Option<PathBuf>,
    /// Folder for compiled code and logs; empty for none [default: .xray beside the manifest].
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Folder for what components print; empty for none [default: logs in the state folder].
    #[arg(long, short = 'L', value_name = "DIR", env = "SPIN_LOG_DIR", value_parser = path_or_empty)]
    pub log_dir: Option<PathBuf>,
    /// Keep what components print off the terminal.
    #[arg(long, short = 'q', aliases = ["sh", "shush"])]
    pub quiet: bool,
    /// Further options of Spin's.
    #[command(flatten)]
    pub spin: SpinArgs,
    /// Inference backend.
    #[arg(long, value_enum, default_value_t)]
    pub nn: Choice,
    /// Where inference is computed; what the machine lacks is an error.
    #[arg(long, value_enum, default_value_t)]
    pub nn_target: Target,
    /// Let components load models from bytes, not only those under /models.
    #[arg(long)]
    pub nn_allow_load: bool,
    /// Folder that `setup-backends` filled.
    #[arg(long, value_name = "DIR", env = "XRAY_BACKENDS_DIR")]
    pub backends_dir: Option<PathBuf>,
    /// Inferences at a time.
    #[arg(long, value_name = "N", default_value_t = processors())]
    pub sessions: usize,
    /// Requests at a time.
    #[arg(long, value_name = "N", default_value_t = default_concurrency())]
    pub max_concurrency: usize,
    /// Requests that may wait; beyond them the answer is 503.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub queue: usize,
    /// Seconds that a request may wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub queue_wait: f64,
    /// Seconds that a request may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub timeout: f64,
    /// Mebibytes of memory that a request may have.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub max_memory: usize,
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

/// The parser for paths refuses an empty one.
fn path_or_empty(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(text.into())
}

impl RuntimeArgs {
    /// Reads the application, or pulls it.
    ///
    /// # Errors
    /// When it is not there, or not for this host.
    pub async fn application(&self) -> Result<Manifest> {
        let mut manifest = self.source.load().await?;
        self.spin.apply(&mut manifest);
        Ok(manifest)
    }

    /// The settings for a runtime of this application.
    pub fn options(&self, manifest: &Manifest) -> Options {
        let state_dir = match (&self.state_dir, &manifest.image) {
            (Some(dir), _) => Some(dir.clone()).filter(|dir| !dir.as_os_str().is_empty()),
            (None, Some(image)) => Some(image.state_dir().to_owned()),
            (None, None) => Some(default_state_dir(&manifest.dir)),
        };
        let log_dir = match &self.log_dir {
            Some(dir) => Some(dir.clone()).filter(|dir| !dir.as_os_str().is_empty()),
            // As with Spin, an image has no place for logs of its own.
            None if self.state_dir.is_none() && manifest.image.is_some() => None,
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
            log_dir,
            quiet: self.quiet,
            ..Options::default()
        };
        self.spin.over(options)
    }

    /// Where values for the manifest's variables come from.
    ///
    /// # Errors
    /// When an argument of `--variable` has the wrong form or names a file that is not there.
    pub fn sources(&self, dir: &Path) -> Result<Sources> {
        Ok(Sources {
            explicit: variables::parse_explicit(&self.variables)?,
            runtime_config: self.runtime_config_file.clone(),
            dir: dir.to_owned(),
            environment: true,
        })
    }
}

/// The state folder beside the manifest; git is told not to look into it.
fn default_state_dir(dir: &Path) -> PathBuf {
    let state = dir.join(".xray");
    if std::fs::create_dir(&state).is_ok() {
        _ = std::fs::write(state.join(".gitignore"), "*\n");
    }
    state
}

/// In a container the application's folder may be read only; nobody asked for logs there.
fn writable(dir: PathBuf) -> Option<PathBuf> {
    std::fs::create_dir_all(&dir).ok()?;
    tempfile::tempfile_in(&dir).ok().map(|_| dir)
}

/// Serves until a signal.
///
/// # Errors
/// When the application does not start.
pub async fn run(args: UpArgs) -> Result<()> {
    // Before anything else, so that a signal during the start is not lost.
    let stop = server::signal()?;
    let mut manifest = args.settings.application().await?;
    manifest.retain(&args.component_id)?;
    let (runtime, triggers) = load(manifest, &args.settings, &args.kafka, args.metrics).await?;
    let server = Server::bind(runtime.clone(), args.listen, args.find_free_port).await?;
    let triggers = kafka::start(&runtime, triggers).await?;
    println!("Serving http://{}", server.local_addr()?);
    // Whoever waits for this line may read from a pipe.
    _ = std::io::stdout().flush();
    let ended = kafka::ended(&triggers);
    let stop = async move {
        tokio::select! {
            () = stop => {}
            () = ended => {}
        }
    };
    let stop = stop.shared();
    let end_of_triggers = async {
        stop.clone().await;
        kafka::stop(triggers).await
    };
    tokio::join!(server.run(stop.clone()), end_of_triggers).1
}

/// Starts all of an application but its triggers, and serves its metrics.
///
/// # Errors
/// When a setting does not make sense, or something that the application needs is not there.
pub async fn load(
    mut manifest: Manifest,
    settings: &RuntimeArgs,
    flags: &KafkaArgs,
    metrics_address: Option<SocketAddr>,
) -> Result<(Runtime, Vec<Config>)> {
    let sources = settings.sources(&manifest.dir)?;
    flags.apply(&mut manifest)?;
    // Before anything is loaded, because it is quick to check.
    let variables = Variables::resolve(&manifest.variables, &sources)?;
    let triggers = kafka::configs(&manifest, &variables)?;
    let options = settings.options(&manifest);
    let runtime = Runtime::start(manifest, sources, options).await?;
    eprintln!("{}", runtime.nn_line());
    if let Some(address) = metrics_address {
        let source = runtime.clone();
        let render = move || source.metrics().render(source.inference().sessions());
        let address = metrics::serve(address, Arc::new(render)).await?;
        eprintln!("Metrics at http://{address}/metrics");
    }
    Ok((runtime, triggers))
}
