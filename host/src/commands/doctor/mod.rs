//! `xray doctor`: everything between a picture that arrives and its outputs, one line each, with what to do.
//!
//! A check that builds on one that failed is skipped, so that the first failed line is the one to repair.

mod gateway;
mod kafka;
mod line;
mod probe;
mod rights;
mod topic;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use kafka_trigger::rdkafka::Settings as KafkaSettings;
use xray_demo::{Client, Transport};

use self::line::{Finding, Lines};
use crate::{
    ceph::{settings::Settings, transport},
    commands::shared::{
        kafka_args::{KafkaArgs, configs},
        store_args::StoreArgs,
    },
    kafka::config::Config,
};

/// Arguments of `xray doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Kafka, as for `xray up`.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// Send no phantom through; look only.
    #[arg(long)]
    pub no_probe: bool,
    /// Seconds that the phantom's outputs may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
    /// One JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// What the checks share.
struct Site {
    settings: Settings,
    transport: Transport,
    function: Option<Client>,
    owner: Option<Client>,
    kafka: Option<KafkaSettings>,
}

/// Runs every check; the exit code is 1 when one failed.
///
/// # Errors
/// When this machine can't ask anybody anything.
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
                    "set it right; README has every setting",
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
    let transport = transport()?;
    let client = |keys: &Option<_>| {
        let keys = keys.as_ref();
        keys.map(|keys| settings.client(keys, transport.clone()))
    };
    Ok(Site {
        function: client(&settings.function),
        owner: client(&settings.owner),
        transport,
        kafka,
        settings,
    })
}

/// What the flags alone say of Kafka, where there is no manifest.
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
        let text = format!("{}, bucket {}", settings.endpoint, settings.buckets.input);
        if settings.config.pseudonym_key.is_none() {
            return Finding::warning(
                format!("{text}; without pseudonym_key nothing is anonymized"),
                "set pseudonym_key to 32 random bytes, and keep them",
            );
        }
        Finding::ok(text)
    }
}

async fn check(site: &Site, args: &DoctorArgs, lines: &mut Lines) {
    let answer = gateway::answer(site).await;
    let is_there = lines.add("gateway", gateway::reachable(&answer));
    let (mut function_works, mut owner_works) = (false, false);
    if is_there {
        lines.add("clock", gateway::clock(&answer));
        if let Some(finding) = gateway::unknown_host(&answer) {
            // Every request would be about that bucket, so nothing behind it can be asked.
            lines.add("endpoint style", finding);
        } else {
            function_works = lines.add("credentials", gateway::function(site).await);
            owner_works = lines.add("owner", gateway::owner(site).await);
        }
    }
    let function = site.function.as_ref().filter(|_| function_works);
    let owner = site.owner.as_ref().filter(|_| owner_works);
    // Nothing about a bucket makes sense while its name does not arrive.
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
