//! `xray up`: serve an application, with the options that `spin up` has.

use std::{io::Write, net::SocketAddr};

use anyhow::Result;
use clap::Args;
use futures_util::FutureExt;

use crate::{
    commands::shared::{
        kafka_args::{self, KafkaArgs},
        load::load,
        runtime_args::RuntimeArgs,
        spin_args,
    },
    serve::server::{self, Server},
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
        value_parser = spin_args::listen_address
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
    let triggers = kafka_args::start(&runtime, triggers).await?;
    println!("Serving http://{}", server.local_addr()?);
    // Whoever waits for this line may read from a pipe.
    _ = std::io::stdout().flush();
    let ended = kafka_args::ended(&triggers);
    let stop = async move {
        tokio::select! {
            () = stop => {}
            () = ended => {}
        }
    };
    let stop = stop.shared();
    let end_of_triggers = async {
        stop.clone().await;
        kafka_args::stop(triggers).await
    };
    tokio::join!(server.run(stop.clone()), end_of_triggers).1
}
