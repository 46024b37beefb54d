//! `xray send`: uploads local pictures into the input bucket, and can be repeated until all of them
//! are there.

pub(in crate::commands) mod access;

use std::{
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::{HumanBytes, ProgressBar};
use s3::{Client, Source, Upload, UploadError, UploadOptions, Uploaded};

use self::access::AccessArgs;
use crate::commands::shared::{
    inputs::{self, Gathered, Input, Unusable},
    pictures::content_type,
    progress::progress_bar,
    stop::Stop,
};

/// Longest key in bytes.
const MAX_KEY: usize = 1024;

/// Arguments of `xray send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Pictures, or folders whose JPEGs, PNGs and DICOM files are all taken; the path below the
    /// folder is the key. DICOM files are known by their contents too; one without its extension
    /// gets `.dcm` in its key.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub pictures: Vec<PathBuf>,
    /// Destination bucket.
    #[arg(long, value_name = "NAME", default_value = "xray-data-in")]
    pub bucket: String,
    /// Prefix for every key, as in `ward7/`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// Maximum number of concurrent uploads.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// Size in mebibytes above which files are uploaded in parts of this size.
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(5..=1024))]
    pub part_size: u16,
    /// Send everything, even pictures that are there already: same size, and an ETag that is the
    /// MD5 of the file, or the one that parts of --part-size give.
    #[arg(long)]
    pub again: bool,
    /// Print file names. They may hold patients' names.
    #[arg(long)]
    pub show_keys: bool,
    /// Show no progress bar.
    #[arg(long, short = 'q')]
    pub quiet: bool,
    /// The store and the sender's keys.
    #[command(flatten)]
    pub access: AccessArgs,
}

/// Uploads everything; the exit code is a failure if a file could not be read, or a signal stopped
/// the run.
///
/// # Errors
/// Returns an error if there is nothing to send, or for the first rejection that would meet every
/// other file too.
pub async fn run(args: SendArgs) -> Result<ExitCode> {
    let stop = Stop::new()?;
    let gathered = inputs::gather(&args.pictures, None)?;
    let skipped = gathered.skipped(args.show_keys);
    let Gathered {
        inputs, unusable, ..
    } = gathered;
    let uploads = uploads(&args, inputs)?;
    let client = args.access.client()?;
    let bar = progress_bar("sending", uploads.len(), args.quiet);
    let sending = Sending {
        client: &client,
        args: &args,
        bar: &bar,
        options: UploadOptions {
            part_size: usize::from(args.part_size) << 20,
            skip_stored: !args.again,
        },
    };
    let count = sending.all(&uploads, stop).await;
    bar.finish_and_clear();
    let mut count = count?;
    for Unusable { path, why } in &unusable {
        match args.show_keys {
            true => eprintln!("{}: {why}", path.display()),
            false => eprintln!("a file was left out (--show-keys names it): {why}"),
        }
        count.failed += 1;
    }
    if let Some(skipped) = skipped {
        eprintln!("{skipped}");
    }
    eprintln!("{}", count.line(&args.bucket));
    Ok(match count.stopped {
        Some(code) => ExitCode::from(code),
        None if count.failed > 0 => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// Returns the pictures with their keys.
fn uploads(args: &SendArgs, inputs: Vec<Input>) -> Result<Vec<Upload>> {
    let mut uploads = Vec::with_capacity(inputs.len());
    for (number, input) in (1..).zip(inputs) {
        let key = format!("{}{}", args.prefix, input.key);
        if key.len() > MAX_KEY {
            let which = which(args, number, &key);
            bail!("the key of {which} would be over {MAX_KEY} bytes; shorten its name or --prefix");
        }
        uploads.push(Upload {
            content_type: content_type(Path::new(&key)).unwrap_or("application/octet-stream"),
            key,
            source: Source::File(input.path),
        });
    }
    Ok(uploads)
}

/// Names a file in messages.
fn which(args: &SendArgs, number: usize, key: &str) -> String {
    match args.show_keys {
        true => key.to_owned(),
        false => format!("file {number} (--show-keys names it)"),
    }
}

/// Totals of a run.
#[derive(Debug, Default)]
struct Count {
    sent: usize,
    bytes: u64,
    present: usize,
    failed: usize,
    stopped: Option<u8>,
}

impl Count {
    fn line(&self, bucket: &str) -> String {
        let mut line = format!(
            "{} sent to {bucket} ({}), {} already there",
            self.sent,
            HumanBytes(self.bytes),
            self.present
        );
        if self.failed > 0 {
            line += &format!(", {} not sent", self.failed);
        }
        if self.stopped.is_some() {
            line += "; stopped; the same command resumes";
        }
        line
    }
}

struct Sending<'a> {
    client: &'a Client,
    args: &'a SendArgs,
    bar: &'a ProgressBar,
    options: UploadOptions,
}

impl Sending<'_> {
    /// Uploads everything, several files at a time. After a signal it starts no more files and
    /// finishes the running ones.
    async fn all(&self, uploads: &[Upload], mut stop: Stop) -> Result<Count> {
        let mut count = Count::default();
        let mut stopped = None;
        {
            let all = stream::iter((1..).zip(uploads))
                .take_until(async { stopped = Some(stop.asked().await) })
                .map(async |(number, upload)| {
                    let bucket = &self.args.bucket;
                    let sent = self.client.upload(bucket, upload, &self.options).await;
                    (number, upload, sent)
                })
                .buffer_unordered(self.args.concurrency.into());
            let mut all = pin!(all);
            while let Some((number, upload, sent)) = all.next().await {
                match sent {
                    Ok(Uploaded::Sent(bytes)) => {
                        count.sent += 1;
                        count.bytes += bytes;
                    }
                    Ok(Uploaded::AlreadyStored) => count.present += 1,
                    Err(UploadError::File { error: why, .. }) => {
                        count.failed += 1;
                        let which = which(self.args, number, &upload.key);
                        self.bar
                            .suspend(|| eprintln!("xray: {which} cannot be read: {why}"));
                    }
                    // It would meet every other file too.
                    Err(UploadError::Store(error)) => {
                        let which = which(self.args, number, &upload.key);
                        let bucket = &self.args.bucket;
                        return Err(error).context(format!("sending {which} to {bucket}"));
                    }
                }
                self.bar.inc(1);
            }
        }
        count.stopped = stopped;
        Ok(count)
    }
}
