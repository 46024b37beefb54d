//! `xray up`: serves an application, with the options of `spin up`.

use std::{io::Write, net::SocketAddr};

use anyhow::Result;
use clap::Args;
use futures_util::FutureExt;

use crate::{
    commands::shared::{
        kafka_args::{self, KafkaArgs},
        load::load,
        page_args::PageArgs,
        runtime_args::RuntimeArgs,
        spin_args,
    },
    serve::server::{self, Listener},
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
    /// Use the next free port if that of --listen is taken.
    #[arg(long)]
    pub find_free_port: bool,
    /// Serve only this component; repeatable.
    #[arg(short = 'c', long, value_name = "ID")]
    pub component_id: Vec<String>,
    /// Serve Prometheus metrics on this address, at /metrics.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// The page.
    #[command(flatten)]
    pub page: PageArgs,
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// Send a row for each event to this topic at the brokers of --kafka, and show those of all
    /// hosts on the page. A row holds no key of an object.
    #[arg(long, value_name = "TOPIC")]
    pub report_topic: Option<String>,
    /// Options of every command that runs the component.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

/// Serves until a signal arrives.
///
/// # Errors
/// Returns an error if the application does not start.
pub async fn run(args: UpArgs) -> Result<()> {
    // First of all, so that a signal during start-up is not lost.
    let stop = server::signal()?;
    let listener = Listener::bind(args.listen, args.find_free_port).await?;
    let start = async {
        let mut manifest = args.settings.application().await?;
        manifest.retain(&args.component_id)?;
        load(
            manifest,
            &args.settings,
            &args.kafka,
            args.metrics,
            &args.page,
            args.report_topic.as_deref(),
        )
        .await
    };
    let (runtime, triggers) = listener.refuse_during(start).await?;
    let server = listener.serve(runtime.clone());
    let stop = stop.shared();
    let triggers = tokio::select! {
        triggers = kafka_args::start(&runtime, triggers) => triggers?,
        // Brokers that are unreachable are waited for.
        () = stop.clone() => {
            server.run(stop).await;
            return Ok(());
        }
    };
    println!("Serving http://{}", server.local_addr()?);
    // The reader of this line may be at the other end of a pipe.
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
