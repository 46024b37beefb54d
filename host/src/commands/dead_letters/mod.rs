//! `xray dead-letters`: look at the records that could not be delivered, and send them back when
//! the cause is mended.

mod letter;
mod mask;
mod read;

use std::{collections::BTreeMap, io::Write, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use kafka_trigger::{
    Record,
    rdkafka::{Settings, TokenContext},
};
use rdkafka::{
    consumer::{CommitMode, Consumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use xray::event::TRACEPARENT;

use self::{letter::Letter, read::Letters};
use crate::{
    app::{
        manifest::Manifest,
        variables::{self, Sources, Variables},
    },
    commands::shared::kafka_args::{KafkaArgs, config},
};

/// Arguments of `xray dead-letters`. Its options may stand before and behind the action.
#[derive(Debug, Args)]
#[command(mut_args(|arg| arg.global(true)))]
pub struct DeadLettersArgs {
    /// Action on the dead letters.
    #[command(subcommand)]
    action: Action,
    /// Manifest whose first `[[trigger.kafka]]` names the topic; not needed with --kafka.
    #[arg(short = 'f', long, value_name = "PATH", default_value = ".")]
    from: PathBuf,
    /// Set a variable of the manifest: NAME=VALUE or NAME=@FILE.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Access to Kafka.
    #[command(flatten)]
    kafka: KafkaArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print one line a record: its place, its origin and the reason. Keys and values are not
    /// shown.
    List,
    /// Print one whole record, with everything masked that may identify a patient.
    Show {
        /// Place of the record, as shown by `list`: PARTITION:OFFSET.
        place: Place,
        /// Show keys, values and headers as they are.
        #[arg(long)]
        reveal: bool,
    },
    /// Send records back to their original topic: the given ones, or all not yet sent back.
    Redrive {
        /// Places as shown by `list`: PARTITION:OFFSET.
        places: Vec<Place>,
    },
}

/// A record's place in the dead-letter topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    partition: i32,
    offset: i64,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = text.split_once(':').and_then(|(partition, offset)| {
            Some(Self {
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        });
        place.ok_or_else(|| "expected PARTITION:OFFSET, as in 0:17".into())
    }
}

/// Runs the command.
///
/// # Errors
/// When Kafka does not respond or refuses, or a place is empty.
pub async fn run(args: DeadLettersArgs) -> Result<()> {
    let config = args.config()?;
    let work = move || match args.action {
        Action::List => list(&config),
        Action::Show { place, reveal } => show(&config, place, reveal),
        Action::Redrive { places } => redrive(&config, &places),
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("reading dead letters")?
}

impl DeadLettersArgs {
    fn config(&self) -> Result<Settings> {
        let (mut manifest, variables) = if self.kafka.kafka.is_some() {
            // With the broker in the flags, no application is needed.
            let text = "spin_manifest_version = 2\napplication.name = \"none\"\n\
                trigger.http = [{ route = \"/\", component = \"none\" }]\ncomponent.none.source = \"none\"";
            (Manifest::parse(text, &self.from)?, Variables::default())
        } else {
            let manifest = Manifest::load(&self.from)
                .context("name the brokers with --kafka, or an application")?;
            let sources = Sources {
                explicit: variables::parse_explicit(&self.variables)?,
                dir: manifest.dir.clone(),
                environment: true,
                ..Sources::default()
            };
            let variables = Variables::resolve(&manifest.variables, &sources)?;
            (manifest, variables)
        };
        self.kafka.apply(&mut manifest)?;
        let trigger = manifest
            .kafka
            .first()
            .context("there is no [[trigger.kafka]]; use --kafka")?;
        Ok(config(&manifest, trigger, &variables)?.broker)
    }
}

/// Says that there is no dead-letter topic, which the first dead letter makes.
fn no_topic(config: &Settings) -> String {
    format!(
        "no dead letters: there is no topic {} at {}",
        config.dead_letter_topic, config.brokers
    )
}

fn list(config: &Settings) -> Result<()> {
    let Some(letters) = Letters::open(config)? else {
        println!("{}", no_topic(config));
        return Ok(());
    };
    let sent_back = letters.sent_back()?;
    let mut out = std::io::stdout().lock();
    let mut count = 0;
    letters.each(&BTreeMap::new(), |record| {
        let is_sent = sent_back
            .get(&record.partition)
            .is_some_and(|next| record.offset < *next);
        writeln!(out, "{}", Letter(&record).line(is_sent))?;
        count += 1;
        Ok(())
    })?;
    writeln!(out, "{count} records in {}", config.dead_letter_topic)?;
    Ok(())
}

fn show(config: &Settings, place: Place, reveal: bool) -> Result<()> {
    let letters = Letters::open(config)?.with_context(|| no_topic(config))?;
    let record = letters.one(place)?;
    println!("{}", Letter(&record).whole(reveal));
    Ok(())
}

fn redrive(config: &Settings, places: &[Place]) -> Result<()> {
    let letters = match Letters::open(config)? {
        Some(letters) => letters,
        None if places.is_empty() => {
            println!("{}", no_topic(config));
            return Ok(());
        }
        None => bail!("{}", no_topic(config)),
    };
    let producer = config
        .producer()
        .create_with_context(config.security.context())?;
    let mut sent = 0;
    for place in places {
        send_back(&producer, &letters.one(*place)?)?;
        sent += 1;
    }
    if places.is_empty() {
        letters.each(&letters.sent_back()?, |record| {
            send_back(&producer, &record)?;
            // After each, so that a redrive that is broken off sends at most one of them twice.
            let next = letters.next(&record)?;
            letters
                .consumer
                .commit(&next, CommitMode::Sync)
                .context("marking it as sent back")?;
            sent += 1;
            Ok(())
        })?;
    }
    println!("{sent} records sent back");
    Ok(())
}

fn send_back(producer: &FutureProducer<TokenContext>, record: &Record) -> Result<()> {
    let letter = Letter(record);
    let topic = letter.source_topic().with_context(|| {
        format!(
            "the record at {}:{} does not say where it is from",
            record.partition, record.offset
        )
    })?;
    let trace = letter.trace();
    // The last header of a name counts.
    let trace = trace.as_deref().map(|value| Header {
        key: TRACEPARENT,
        value: Some(value.as_bytes()),
    });
    let headers = letter
        .own_headers()
        .chain(trace)
        .fold(OwnedHeaders::new(), OwnedHeaders::insert);
    let mut out: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic).headers(headers);
    out.key = record.key.as_deref();
    out.payload = record.value.as_deref();
    let sent = producer.send(out, Duration::from_secs(10));
    let sent = tokio::runtime::Handle::current().block_on(sent);
    sent.map_err(|(error, _)| error)
        .with_context(|| format!("sending back to {topic}"))?;
    Ok(())
}
