//! `xray doctor`: checks everything between an arriving picture and its outputs, one line each,
//! with the remedy.
//!
//! A check that builds on a failed one is skipped, so the first failed line is the one to repair.

mod archives;
mod gateway;
mod kafka;
mod line;
mod probe;
mod reviews;
mod rights;
mod topic;
mod writers;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use kafka_trigger::rdkafka::Settings as KafkaSettings;
use s3::{Client, Transport};

use self::{
    line::{Finding, Lines},
    writers::Writer,
};
use crate::{
    ceph::{settings::Settings, transport},
    commands::shared::{
        kafka_args::{KafkaArgs, configs},
        store_args::StoreArgs,
        store_client,
    },
    kafka::config::Config,
    serve::runtime::{files::Mounts, settings},
};

/// Arguments of `xray doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Kafka, as for `xray up`.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// File with the keys of the reviewers' store user, as for `xray page`: checks the review and
    /// the audit log too.
    #[arg(long, value_name = "FILE")]
    pub page_credentials_file: Option<PathBuf>,
    /// File with the keys of the store user for uploads, as for `xray page`: checks that it may
    /// write there and do nothing else.
    #[arg(long, value_name = "FILE")]
    pub page_upload_credentials_file: Option<PathBuf>,
    /// File with the keys of the store user of `xray dicom serve`: checks that it may only write.
    #[arg(long, value_name = "FILE")]
    pub node_credentials_file: Option<PathBuf>,
    /// Only look; send no phantom through the pipeline.
    #[arg(long)]
    pub no_probe: bool,
    /// Seconds to wait for the phantom's outputs. A gateway that was restarted takes up to two
    /// minutes to deliver again.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub timeout: u64,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// State that the checks share.
struct Site {
    settings: Settings,
    transport: Transport,
    function: Option<Client>,
    owner: Option<Client>,
    reviewers: Option<Client>,
    uploads: Option<Client>,
    node: Option<Client>,
    kafka: Option<KafkaSettings>,
}

/// Runs every check; the exit code is 1 if one failed.
///
/// # Errors
/// Returns an error if this machine can't send requests at all.
pub async fn run(args: DoctorArgs) -> Result<ExitCode> {
    let mut lines = Lines::new(args.json);
    match site(&args) {
        Ok(site) => {
            lines.add("settings", site.describe());
            check(&site, &args, &mut lines).await;
        }
        Err(error) => {
            lines.add(
                "settings",
                Finding::failed(
                    format!("{error:#}"),
                    "correct it; docs/settings.md lists every setting",
                ),
            );
        }
    }
    lines.end();
    Ok(if lines.is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn site(args: &DoctorArgs) -> Result<Site> {
    let mut settings = args.store.read()?;
    let kafka = match &mut settings.manifest {
        Some(manifest) => {
            args.kafka.apply(manifest)?;
            let configs = configs(manifest, &settings.variables)?;
            configs.into_iter().next().map(|config| config.broker)
        }
        None => without_manifest(&args.kafka, &settings)?,
    };
    check_models(&settings)?;
    let transport = transport()?;
    let client = |keys: &Option<_>| {
        let keys = keys.as_ref();
        keys.map(|keys| settings.client(keys, transport.clone()))
    };
    let of_file = |file: &Option<PathBuf>| {
        let file = file.as_deref();
        let client = file.map(|file| store_client::of_file(&settings.config, file));
        client.transpose()
    };
    Ok(Site {
        reviewers: of_file(&args.page_credentials_file)?,
        uploads: of_file(&args.page_upload_credentials_file)?,
        node: of_file(&args.node_credentials_file)?,
        function: client(&settings.function),
        owner: client(&settings.owner),
        transport,
        kafka,
        settings,
    })
}

/// Checks that the manifest's components have the models that the settings name.
fn check_models(settings: &Settings) -> Result<()> {
    let Some(manifest) = &settings.manifest else {
        return Ok(());
    };
    for (id, component) in &manifest.components {
        let mounts = Mounts::prepare(&component.files, &manifest.dir, None);
        let values = settings.variables.for_component(&component.variables);
        let checked = mounts.and_then(|mounts| settings::check(&values?, &mounts.models()));
        checked.with_context(|| format!("component {id}"))?;
    }
    Ok(())
}

/// Builds the Kafka configuration from the flags alone, without a manifest.
fn without_manifest(flags: &KafkaArgs, settings: &Settings) -> Result<Option<KafkaSettings>> {
    let mut table = flags.table()?;
    if table.is_empty() {
        return Ok(None);
    }
    table.insert("component".into(), "xray".into());
    table.entry("topics").or_insert("storage".into());
    Config::read(&table, &settings.variables).map(|config| Some(config.broker))
}

impl Site {
    fn describe(&self) -> Finding {
        let settings = &self.settings;
        let endpoint = settings.config.endpoint.url();
        let text = format!("{endpoint}, bucket {}", settings.buckets.input);
        match settings.config.key_remark() {
            Some(remark) => Finding::warning(
                format!("{text}; {remark}"),
                "set pseudonym_key to 32 random bytes, and keep them",
            ),
            None => Finding::ok(text),
        }
    }
}

async fn check(site: &Site, args: &DoctorArgs, lines: &mut Lines) {
    let response = gateway::response(site).await;
    let is_there = lines.add("gateway", gateway::reachable(&response));
    let (mut function_works, mut owner_works) = (false, false);
    if is_there {
        lines.add("clock", gateway::clock(&response));
        if let Some(finding) = gateway::unknown_host(&response) {
            // Every further request would be about that bucket, so nothing behind it can be
            // checked.
            lines.add("endpoint style", finding);
        } else {
            function_works = lines.add("credentials", gateway::function(site).await);
            owner_works = lines.add("owner", gateway::owner(site).await);
        }
    }
    let function = site.function.as_ref().filter(|_| function_works);
    let owner = site.owner.as_ref().filter(|_| owner_works);
    // Checks of a bucket make no sense while its name does not reach the gateway.
    let mut has_style = false;
    if let Some(client) = function.or(owner) {
        has_style = lines.add("endpoint style", gateway::style(site, client).await);
    }
    if let Some(function) = function.filter(|_| has_style) {
        let checks = [
            "input bucket",
            "processed bucket",
            "anonymized bucket",
            "quarantine bucket",
        ];
        for (check, bucket) in checks.into_iter().zip(site.settings.buckets.all()) {
            lines.add(check, rights::bucket(site, function, bucket).await);
        }
    }
    if let Some(reviewers) = site.reviewers.as_ref().filter(|_| has_style)
        && lines.add("reviewers", reviews::user(site, reviewers).await)
    {
        let buckets = &site.settings.buckets;
        if let Some(quarantine) = &buckets.quarantine {
            let finding = reviews::copies(site, reviewers, quarantine).await;
            lines.add("review", finding);
        }
        let finding = reviews::copies(site, reviewers, &buckets.anonymized).await;
        lines.add("release", finding);
        let finding = reviews::audit(site, reviewers, !args.no_probe).await;
        lines.add("audit bucket", finding);
        if let Some(function) = function {
            lines.add("function's limits", reviews::function(site, function).await);
        }
    }
    for (check, user) in [
        ("uploads", Writer::of_uploads(site)),
        ("DICOM node", Writer::of_node(site)),
    ] {
        if let Some(user) = user.filter(|_| has_style) {
            lines.add(check, user.check(site).await);
        }
    }
    let config = &site.settings.config;
    for (check, archive) in [
        ("archive of results", &config.results),
        ("archive of copies", &config.research),
    ] {
        if let Some(archive) = archive {
            lines.add(check, archives::archive(site, archive).await);
        }
    }
    let mut found = topic::Found::default();
    if let Some(owner) = owner.filter(|_| has_style) {
        let finding = topic::notification(site, owner, &mut found).await;
        let has_notification = lines.add("notification", finding);
        if has_notification {
            lines.add("topic", topic::topic(site, &found));
            if let Some(finding) = topic::receiver(site, &found).await {
                lines.add("receiver", finding);
            }
        }
    }
    if let Some(config) = &site.kafka {
        let metadata = kafka::metadata(config).await;
        if lines.add("broker", kafka::broker(config, &metadata)) {
            lines.add("Kafka topic", kafka::topics(config, &metadata));
            if let Some(finding) = kafka::retry_topic(config, &metadata) {
                lines.add("retry topic", finding);
            }
        }
    }
    let probe = if args.no_probe {
        Finding::skipped("not asked for")
    } else if !lines.is_well() {
        Finding::skipped("of no use before the above is repaired")
    } else {
        probe::run(site, &found, args.timeout).await
    };
    lines.add("end to end", probe);
}
