//! `xray audit`: reads the audit log of the page, and checks that it is whole.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use s3::Client;

use super::shared::{plan::print_line, store_args::StoreArgs, store_client};
use crate::{
    ceph::{settings::Settings, transport},
    page::audit::{self, Entry, Event, Head, Log, Phase},
};

/// Arguments of `xray audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Action on the log.
    #[command(subcommand)]
    action: Action,
}

/// Place of the log.
#[derive(Debug, Args)]
struct Place {
    /// Store, and input bucket to whose page the log belongs.
    #[command(flatten)]
    store: StoreArgs,
    /// File with the keys of the reviewers' store user, as for `xray page`; without it those of the
    /// buckets' owner, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[arg(long, value_name = "FILE")]
    page_credentials_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the events, the oldest first, one a line.
    List {
        /// Place of the log.
        #[command(flatten)]
        place: Box<Place>,
        /// Only those of this person.
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Only those about this copy: the beginning of its id.
        #[arg(long, value_name = "ID")]
        copy: Option<String>,
        /// Print JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Check that no entry was changed or removed; the exit code is 1 if one was.
    Verify {
        /// Place of the log.
        #[command(flatten)]
        place: Box<Place>,
        /// Head that an earlier `verify` printed and somebody noted: NUMBER:SHA256. It shows a log
        /// whose end was removed together with the published head.
        #[arg(long, value_name = "HEAD")]
        head: Option<Head>,
    },
}

/// Runs the action.
///
/// # Errors
/// When there are no keys, or the store refuses.
pub async fn run(args: AuditArgs) -> Result<ExitCode> {
    match &args.action {
        Action::List {
            place,
            who,
            copy,
            json,
        } => {
            let is_chosen = |event: &&Event| {
                let own = event.copy.as_ref();
                who.as_ref().is_none_or(|who| *who == event.who)
                    && copy
                        .as_ref()
                        .is_none_or(|copy| own.is_some_and(|own| own.starts_with(copy)))
            };
            let print = |entry: &Entry| {
                for event in entry.events.iter().filter(is_chosen) {
                    print_line(&line(event, *json)?);
                }
                Ok(())
            };
            Ok(ended(&place.read(None, print).await?, false))
        }
        Action::Verify { place, head } => {
            let log = place.read(head.as_ref(), |_| Ok(())).await?;
            Ok(ended(&log, true))
        }
    }
}

impl Place {
    async fn read(
        &self,
        noted: Option<&Head>,
        each: impl FnMut(&Entry) -> Result<()>,
    ) -> Result<Log> {
        let settings = self.store.read()?;
        let client = self.client(&settings)?;
        audit::read(&client, &settings.buckets.audit, noted, each).await
    }

    fn client(&self, settings: &Settings) -> Result<Client> {
        if let Some(file) = &self.page_credentials_file {
            return store_client::of_file(&settings.config, file);
        }
        let owner = settings.owner.as_ref().context(
            "no keys: name the reviewers' with --page-credentials-file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the \
             buckets' owner",
        )?;
        Ok(settings.client(owner, transport()?))
    }
}

fn line(event: &Event, json: bool) -> Result<String> {
    if json {
        return Ok(serde_json::to_string(event)?);
    }
    let phase = match event.phase {
        Some(Phase::Intent) => "intent",
        Some(Phase::Outcome) => "outcome",
        None => "",
    };
    let action = serde_json::to_value(event.action)?;
    let action = action.as_str().unwrap_or_default();
    let copy = event.copy.as_deref().or(event.source.as_deref());
    let copy: String = copy.unwrap_or("-").chars().take(16).collect();
    let who = if event.who.is_empty() {
        "-"
    } else {
        &event.who
    };
    let what = event.what.as_deref().unwrap_or_default();
    let result = event.result.as_deref().unwrap_or_default();
    let line = format!(
        "{}  {who:<16}  {action:<8}  {phase:<7}  {copy:<16}  {what:<11}  {result}",
        event.at
    );
    Ok(line.trim_end().to_owned())
}

/// Prints the faults, and the figures of a whole log if they are asked for.
fn ended(log: &Log, with_figures: bool) -> ExitCode {
    for fault in &log.faults {
        eprintln!("xray: the audit log is not whole: {fault}");
    }
    if !log.faults.is_empty() {
        return ExitCode::FAILURE;
    }
    if with_figures {
        print_line(&format!(
            "whole: {} entries with {} events, {} acts without an outcome",
            log.entries, log.events, log.open
        ));
        print_line(&format!("head: {}", log.end));
    }
    ExitCode::SUCCESS
}
