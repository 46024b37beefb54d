//! `xray page`: the review of copies in quarantine without the function's events.

use std::{net::SocketAddr, path::Path, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    app::{
        manifest::Manifest,
        variables::{self, Sources},
    },
    ceph::{settings::Settings, transport},
    commands::shared::{
        kafka_args::KafkaArgs, page_address_args::PageAddressArgs, page_proxy_args::PageProxyArgs,
        page_upload_args::PageUploadArgs, report_topic, runtime_args::RuntimeArgs, store_client,
    },
    kafka::{config::Config, rows::RowTopic},
    page::{
        self, Page,
        access::{roles::Roles, users},
        live::Live,
        module::Module,
        review::{Research, Review},
    },
    serve::{metrics, runtime::Runtime, server},
};

/// Arguments of `xray page`.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Address to serve on; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Serve Prometheus metrics on this address, at /metrics: copies that wait, and faults of the
    /// audit log.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// File with the keys of the reviewers' store user: lines AWS_ACCESS_KEY_ID=KEY and
    /// AWS_SECRET_ACCESS_KEY=KEY.
    #[arg(long, value_name = "FILE")]
    pub page_credentials_file: PathBuf,
    /// File of people who may sign in: lines of `xray page-token`. Without it, the person who reads
    /// this terminal may.
    #[arg(long, value_name = "FILE", group = "page_people")]
    pub page_users: Option<PathBuf>,
    /// Name of the person who reads this terminal, for claims and the audit log; by default
    /// USER@HOST of the operating system.
    #[arg(long, value_name = "NAME", conflicts_with = "page_people", value_parser = users::parse_name)]
    pub page_name: Option<String>,
    /// Address of the page, and TLS.
    #[command(flatten)]
    pub address: PageAddressArgs,
    /// File of a key of at least 32 characters that several pages share, so that they accept each
    /// other's sessions.
    #[arg(long, value_name = "FILE", requires = "page_people")]
    pub page_session_key_file: Option<PathBuf>,
    /// Input bucket whose quarantine is reviewed.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "xray-data-in",
        env = "XRAY_BUCKET"
    )]
    pub bucket: String,
    /// A proxy that signs people in.
    #[command(flatten)]
    pub proxy: PageProxyArgs,
    /// Uploads.
    #[command(flatten)]
    pub upload: PageUploadArgs,
    /// Show the events of hosts that send their rows to this topic.
    #[arg(long, value_name = "TOPIC", requires = "kafka")]
    pub report_topic: Option<String>,
    /// Kafka brokers of the report topic.
    #[arg(
        long,
        value_name = "BROKERS",
        env = "XRAY_KAFKA",
        requires = "report_topic"
    )]
    pub kafka: Option<String>,
    /// Option for connecting to these brokers: KEY=VALUE or KEY=@FILE, any key of
    /// [[trigger.kafka]].
    #[arg(long, value_name = "KEY=VALUE", requires = "kafka")]
    pub kafka_option: Vec<String>,
    /// Load the function too: then reviewers can cover more of a copy, and DICOM copies are shown.
    /// It gets no keys of the store.
    #[arg(long)]
    pub with_function: bool,
    /// Application with the settings of the store, and its runtime for --with-function.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

/// Serves until a signal arrives.
///
/// # Errors
/// When a setting is wrong, or the page can't be served at this address.
pub async fn run(args: PageArgs) -> Result<()> {
    let stop = server::signal()?;
    let mut settings = read(&args).await?;
    let client = store_client::of_file(&settings.config, &args.page_credentials_file)?;
    let module = match args.with_function {
        true => Some(module(&args, &mut settings).await?),
        false => None,
    };
    let key = args.page_session_key_file.as_deref();
    let people = args.proxy.people(args.page_users.as_deref(), key)?;
    let topic = topic(&args, &settings)?;
    let options = page::Options {
        address: args.listen,
        people,
        url: args.address.page_url.as_deref(),
        tls: args.address.tls(args.proxy.authorities())?,
        session_key: key,
        local: Roles {
            reviewer: true,
            clinician: false,
        },
        name: args.page_name.clone(),
        review: Some(
            Review::new(client.clone(), settings.buckets)?
                .with_research(Research::of(&settings.config, transport)?),
        ),
        module,
        is_of_all: topic.is_some(),
        upload: args.upload.settings(&settings.config, &args.bucket)?,
    };
    let live = Live::new(settings.config);
    if let Some(topic) = &topic {
        report_topic::show(topic, &live)?;
    }
    let page = Page::start(options, live, client, None).await?;
    if let (Some(address), Some(figures)) = (args.metrics, page.figures()) {
        let address = metrics::serve_registry(address, |all| figures.register(all)).await?;
        tracing::info!("Metrics at http://{address}/metrics");
    }
    println!("Page at {}", page.entrance());
    stop.await;
    Ok(())
}

/// Reads the settings; without an application here the defaults apply.
async fn read(args: &PageArgs) -> Result<Settings> {
    let is_default = args.settings.source.from == Path::new(".");
    let manifest = match is_default && !args.with_function && !Path::new("spin.toml").is_file() {
        true => None,
        false => Some(args.settings.application().await?),
    };
    let sources = Sources {
        explicit: variables::parse_explicit(&args.settings.variables)?,
        runtime_config: args.settings.runtime_config_file.clone(),
        dir: manifest
            .as_ref()
            .map_or(".".into(), |manifest: &Manifest| manifest.dir.clone()),
        environment: true,
    };
    Settings::read(manifest, &sources, &args.bucket)
}

/// Returns the report topic, if there is one.
fn topic(args: &PageArgs, settings: &Settings) -> Result<Option<RowTopic>> {
    let Some(name) = &args.report_topic else {
        return Ok(None);
    };
    let flags = KafkaArgs {
        kafka: args.kafka.clone(),
        topic: vec![name.clone()],
        kafka_option: args.kafka_option.clone(),
        ..KafkaArgs::default()
    };
    let mut table = flags.table()?;
    table.insert("component".into(), "xray".into());
    let config = Config::read(&table, &settings.variables)?;
    Ok(Some(RowTopic::new(&config.broker, name)))
}

/// Loads the function for work on copies in this process.
async fn module(args: &PageArgs, settings: &mut Settings) -> Result<Module> {
    let manifest = settings.manifest.take().context("no application")?;
    let mut variables = settings.variables.clone();
    for name in ["s3_access_key", "s3_secret_key"] {
        variables.set(name, "none".to_owned());
    }
    let mut options = args.settings.options(&manifest)?;
    let token = Module::prepare(&manifest, &mut options);
    let token = token.context("the application has no route, so it is not the function")?;
    let runtime = Runtime::start(manifest, variables, options).await?;
    tracing::info!("{}", runtime.nn_line());
    Ok(Module::new(runtime, token))
}
