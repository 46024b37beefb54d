//! `xray demo`: the whole pipeline on one machine. A store, pictures that arrive in it,
//! notifications through Kafka, the function, and a table of the results.

mod folder;
mod kafka;
mod keep;
mod pictures;
mod table;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use clap::Args;
use fake_gateway::{
    notify::{Delivery, Retry, Rule, Topic},
    store::{Listening, Store},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::MultiProgress;
use s3::{Addressing, Client, Credentials, Endpoint, Transport, Upload};
use tokio::{net::TcpListener, sync::mpsc};
use xray::{
    config::Config,
    error::Outcome,
    report::{Report, response},
};

use self::{
    kafka::{Broker, Queue},
    table::Row,
};
use crate::{
    commands::shared::{
        app::App, load::serve_metrics, progress::progress_bar, runtime_args::RuntimeArgs,
        stop::Stop,
    },
    outputs::outputs_of,
    page::{
        self, Page,
        access::roles::{Role, Roles},
        live::Live,
        module::Module,
        review::Review,
        upload,
    },
    serve::{
        runtime::{PageToken, Runtime, processors},
        server::Listener,
    },
};

/// The input bucket.
const BUCKET: &str = "xray-data-in";

/// Arguments of `xray demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Send the JPEGs, PNGs and DICOM files of this folder and its subfolders, such as the Kaggle
    /// archive, instead of phantoms.
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Number of pictures [default: 24 phantoms, three of them DICOM objects, or all images].
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Seed; another one draws other phantoms.
    #[arg(long, value_name = "N", default_value_t = phantoms::DEFAULT_SEED)]
    pub seed: u64,
    /// Folder for the buckets; emptied at the next run.
    #[arg(short, long, value_name = "DIR", default_value = "demo-out")]
    pub out: PathBuf,
    /// Send the notifications through the Kafka brokers at these addresses instead of the embedded
    /// one, on a topic of this run that is deleted afterwards.
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
    /// Option for connecting to these brokers: KEY=VALUE or KEY=@FILE, any key of
    /// [[trigger.kafka]].
    #[arg(long, value_name = "KEY=VALUE", requires = "kafka")]
    pub kafka_option: Vec<String>,
    /// Send the notifications over HTTP instead, as a gateway's push endpoint does.
    #[arg(long, conflicts_with = "kafka")]
    pub push: bool,
    /// Keep serving afterwards, for pictures of your own, with a page that shows all of it.
    #[arg(long)]
    pub keep: bool,
    /// Address of the function; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Address of the store; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub store_listen: SocketAddr,
    /// Address of the page; port 0 takes any free port.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:0",
        requires = "keep"
    )]
    pub page: SocketAddr,
    /// Serve Prometheus metrics on this address, at /metrics.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Options of every command that runs the component.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

/// Components of a running demo.
struct Demo {
    client: Client,
    credentials: Credentials,
    config: Config,
    store: Store,
    listening: Listening,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    function: String,
    queue: Option<Queue>,
    page: Option<Arc<Page>>,
}

/// Runs the demo; the exit code is a failure if any output is missing.
///
/// # Errors
/// Returns an error if a component does not start, or a picture can't be sent.
pub async fn run(args: DemoArgs) -> Result<ExitCode> {
    let mut stop = Stop::new()?;
    let (mut demo, is_complete) = tokio::select! {
        shown = show(&args) => shown?,
        // Exits at once: there is no reason to wait for pending pictures of a demo.
        code = stop.asked() => std::process::exit(code.into()),
    };
    if args.keep {
        tokio::select! {
            () = keep::serve(&mut demo) => {}
            _ = stop.asked() => {}
        }
    }
    if let Some(queue) = demo.queue.take() {
        queue.end().await?;
    }
    Ok(if is_complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the demo up to the table, and reports whether it is complete.
async fn show(args: &DemoArgs) -> Result<(Demo, bool)> {
    folder::prepare(&args.out)?;
    // The pictures are drawn while the function is loaded.
    let pictures = pictures::choose(args.images.clone(), args.count, args.seed);
    let pictures = tokio::task::spawn_blocking(pictures);
    let mut demo = Demo::start(args).await?;
    let pictures = pictures.await.context("drawing")??;

    let started = Instant::now();
    let delivered = demo.send(&pictures, args.settings.quiet).await?;
    let whole = started.elapsed();
    let rows = demo.rows(delivered).await?;
    println!("{}\n{}", table::render(&rows), table::totals(&rows, whole));
    for (what, bucket) in ["sent", "processed", "anonymized", "quarantine"]
        .iter()
        .zip(buckets(&demo.config))
    {
        println!("{what:>10}: {}", demo.store.bucket_dir(&bucket).display());
    }
    let mut is_complete = rows.len() == pictures.len();
    for row in &rows {
        if let Some(why) = &row.missing {
            eprintln!("xray: {}: {why}", row.key);
            is_complete = false;
        }
    }
    Ok((demo, is_complete))
}

/// Starts the page for the person at this terminal, whose patients are all invented.
async fn start_page(
    address: SocketAddr,
    live: Arc<Live>,
    client: Client,
    runtime: &Runtime,
    token: Option<PageToken>,
) -> Result<Arc<Page>> {
    let review = match live.config().buckets(BUCKET) {
        buckets if buckets.quarantine.is_some() => Some(Review::new(client.clone(), buckets)?),
        _ => None,
    };
    let upload = review.is_some().then(|| upload::Settings {
        client: client.clone(),
        bucket: BUCKET.to_owned(),
        role: Role::Clinician,
        limit: live.config().dicom.max_bytes,
    });
    let options = page::Options {
        address,
        people: page::People::Terminal,
        url: None,
        tls: None,
        session_key: None,
        local: Roles::ALL,
        name: Some("local".to_owned()),
        review,
        module: token.map(|token| Module::new(runtime.clone(), token)),
        is_of_all: false,
        upload,
    };
    let page = Page::start(options, live, client, Some(runtime.clone())).await?;
    println!("Page at {}", page.entrance());
    Ok(page)
}

/// Returns the input bucket and the output buckets, the quarantine last if the settings have one.
fn buckets(config: &Config) -> Vec<String> {
    let buckets = config.buckets(BUCKET);
    buckets.all().into_iter().map(str::to_owned).collect()
}

impl Demo {
    async fn start(args: &DemoArgs) -> Result<Self> {
        let listener = TcpListener::bind(args.store_listen).await;
        let listener = listener.with_context(|| format!("listening on {}", args.store_listen))?;
        let address = format!("http://{}", listener.local_addr()?);
        let endpoint = Endpoint::parse(&address, Addressing::Path)?;
        let credentials = fake_gateway::random_credentials();
        let mut app = App::load(&args.settings, &endpoint, &credentials).await?;
        // The terminal is for the table; the component's lines are in its log.
        app.options.quiet = true;
        if args.settings.log_dir.is_none() {
            app.options.log_dir = Some(args.out.join("logs"));
        }
        let broker = match args.push {
            true => None,
            false => Some(Broker::open(args)?),
        };
        let trigger = match &broker {
            Some(broker) => Some(broker.trigger(&mut app.manifest, &app.variables)?),
            None => None,
        };
        let live = args.keep.then(|| Live::new(app.config.clone()));
        if let Some(live) = &live {
            app.options.listeners.push(live.listener());
            app.options.observers.push(live.observer());
        }
        let token = match &live {
            Some(_) => Module::prepare(&app.manifest, &mut app.options),
            None => None,
        };
        let runtime = Runtime::start(app.manifest, app.variables, app.options).await?;
        eprintln!("{}", runtime.nn_line());
        if let Some(address) = args.metrics {
            serve_metrics(&runtime, address).await?;
        }
        let client = Client::new(endpoint, credentials.clone(), Transport::http());
        let server = Listener::bind(args.listen, false)
            .await?
            .serve(runtime.clone());
        let function = format!("http://{}/", server.local_addr()?);
        // It serves until the process exits; requests pending at that time are dropped.
        tokio::spawn(server.run(std::future::pending()));

        let (ended, deliveries) = mpsc::unbounded_channel();
        let http = Transport::http();
        let (queue, topic) = match broker.zip(trigger) {
            Some((broker, trigger)) => {
                let runtime = runtime.clone();
                let (queue, topic) = Queue::start(broker, runtime, trigger, ended).await?;
                (Some(queue), topic)
            }
            None => {
                let url = function.parse().context("the function's address")?;
                let (at_a_time, retry) = (2 * processors(), Retry::default());
                let topic = Topic::persistent(url, http.clone(), at_a_time, retry, Some(ended));
                (None, topic)
            }
        };
        let mut store = Store::builder(&args.out, credentials.clone());
        for bucket in buckets(&app.config) {
            store = store.bucket(bucket);
        }
        if live.is_some() {
            store = store.bucket(app.config.buckets(BUCKET).audit);
        }
        let store = store.notify(Rule::created(BUCKET, topic)).open()?;
        let listening = store.serve(listener)?;
        let page = match live {
            Some(live) => Some(start_page(args.page, live, client.clone(), &runtime, token).await?),
            None => None,
        };
        let config = app.config;
        Ok(Self {
            client,
            credentials,
            config,
            store,
            listening,
            deliveries,
            function,
            queue,
            page,
        })
    }

    /// Uploads everything and waits until each notification got a response or was given up.
    async fn send(&mut self, pictures: &[Upload], quiet: bool) -> Result<Vec<Delivery>> {
        let bars = MultiProgress::new();
        let uploaded = bars.add(progress_bar("uploading", pictures.len(), quiet));
        let answered = bars.add(progress_bar("processing", pictures.len(), quiet));
        let sent = |_: &Upload| uploaded.inc(1);
        let upload = async {
            let uploads = self
                .client
                .upload_all(BUCKET, pictures, 2 * processors(), sent);
            let uploaded = uploads.await;
            uploaded.map_err(|(upload, error)| {
                anyhow::Error::from(error).context(format!("uploading {}", upload.key))
            })
        };
        let receive = async {
            let mut delivered = Vec::new();
            while delivered.len() < pictures.len() {
                delivered.push(self.deliveries.recv().await.context("the store has gone")?);
                answered.inc(1);
            }
            anyhow::Ok(delivered)
        };
        let ((), delivered) = tokio::try_join!(upload, receive)?;
        bars.clear()?;
        Ok(delivered)
    }

    /// Returns the row of each picture, in the order of their keys.
    async fn rows(&self, delivered: Vec<Delivery>) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = stream::iter(delivered)
            .map(|delivery| self.row(delivery))
            .buffer_unordered(2 * processors())
            .try_collect()
            .await?;
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(rows)
    }

    async fn row(&self, delivery: Delivery) -> Result<Row> {
        let Delivery {
            key,
            response: delivered,
            took,
            ..
        } = delivery;
        let report = delivered
            .and_then(|delivered| Ok(response::read(&delivered)?))
            .unwrap_or_else(|error| {
                let mut report = Report::new(Outcome::Retry);
                report.detail = Some(format!("{error:#}"));
                report
            });
        let outputs = outputs_of(&self.client, &self.config, BUCKET, &key).await?;
        Ok(Row::new(key, report, outputs, took))
    }
}
