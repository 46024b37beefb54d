//! `xray process`: the function on local pictures. The same module runs in the same host with a
//! store in this process, so nothing listens and nothing leaves the machine.

mod count;
mod line;
mod place;

use std::{
    cell::Cell,
    io::{self, Write},
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use fake_gateway::{
    notify::{Change, notification},
    store::Store,
};
use futures_util::{StreamExt, stream};
use http::{Request, header};
use indicatif::ProgressBar;
use s3::{Addressing, Client, Endpoint};
use xray::{
    config::Config,
    report::{Report, response},
};

use self::{
    count::Count,
    line::Line,
    place::{Paths, Place},
};
use crate::{
    commands::shared::{
        app::App,
        inputs::{self, Gathered, Input, Unusable},
        progress::progress_bar,
        runtime_args::RuntimeArgs,
        stop::Stop,
    },
    outputs::outputs_of,
    serve::{
        outbound::ServiceOverrides,
        runtime::{Runtime, processors},
    },
};

/// Name of the bucket that the pictures seem to be in.
const BUCKET: &str = "pictures";
/// Host name of the store as the function sees it. It does not exist: the requests never leave the
/// process.
const STORE: &str = "store.internal";

/// Arguments of `xray process`.
#[derive(Debug, Args)]
pub struct ProcessArgs {
    /// Pictures, or folders whose JPEGs, PNGs and DICOM files are all taken.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub pictures: Vec<PathBuf>,
    /// Folder for the outputs, with processed/, anonymized/ and quarantine/ in it, laid out as in
    /// the buckets. Outputs of an earlier run stay there unless they are replaced.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object per line instead of text.
    #[arg(long)]
    pub json: bool,
    /// Options of every command that runs the component.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

/// Processes all pictures; the exit code is a failure if any of them did not get all outputs that
/// are due, including quarantined ones.
///
/// # Errors
/// Returns an error if nothing can be processed at all.
pub async fn run(args: ProcessArgs) -> Result<ExitCode> {
    let stop = Stop::new()?;
    let gathered = inputs::gather(&args.pictures, Some(&args.out))?;
    let skipped = gathered.skipped(true);
    let Gathered {
        inputs, unusable, ..
    } = gathered;
    let credentials = fake_gateway::random_credentials();
    let endpoint = Endpoint::parse(&format!("http://{STORE}"), Addressing::Path)?;
    let mut app = App::load(&args.settings, &endpoint, &credentials).await?;
    if app.key_is_fresh {
        eprintln!(
            "No pseudonym_key is set: the study ids of this run are made with a fresh random key and can't be linked to \
             those of any other. Set SPIN_VARIABLE_PSEUDONYM_KEY to keep them."
        );
    }
    let place = Place::open(&args.out)?;
    let mut store = Store::builder(place.store(), credentials.clone()).bucket(BUCKET);
    for bucket in output_buckets(&app.config).into_iter().flatten() {
        store = store.bucket(bucket);
    }
    let store = store.open()?;
    let service = store.transport();
    let service = move |request| {
        let service = service.clone();
        async move { Ok(service.send(request).await?) }
    };
    app.options.service_overrides = ServiceOverrides::default().with(STORE, service);
    // Standard output is for the reports, which say more than the component's own lines.
    app.options.quiet = true;
    if args.settings.log_dir.is_none() {
        app.options.log_dir = None;
    }
    let runtime = Runtime::start(app.manifest, app.variables, app.options).await?;
    eprintln!("{}", runtime.nn_line());

    let client = Client::new(endpoint, credentials, store.transport());
    let run = Run {
        runtime,
        store,
        client,
        config: app.config,
        place,
    };
    let bar = progress_bar("processing", inputs.len(), args.settings.quiet);
    let mut count = run.all(&inputs, args.json, &bar, stop).await?;
    report_unusable(&unusable, args.json, &mut count)?;
    bar.finish_and_clear();
    if let Some(skipped) = skipped {
        eprintln!("{skipped}");
    }
    eprintln!("{}", count.sentence(&args.out));
    Ok(count.code())
}

/// Prints the results of files that can't be taken.
fn report_unusable(unusable: &[Unusable], json: bool, count: &mut Count) -> Result<()> {
    for Unusable { path, why } in unusable {
        count.add(None, Some(why));
        // JSON has no other way to write a name that is not UTF-8.
        let path = PathBuf::from(path.to_string_lossy().into_owned());
        let line = Line::new(&path, None, Paths::default(), Some((*why).to_owned()));
        let line = if json { line.json() } else { line.text() };
        writeln!(io::stdout(), "{line}").context("writing the reports")?;
    }
    Ok(())
}

struct Run {
    runtime: Runtime,
    store: Store,
    client: Client,
    config: Config,
    place: Place,
}

/// Result of one picture.
#[derive(Default)]
struct Done {
    /// The function's report; `None` if there was none.
    report: Option<Report>,
    paths: Paths,
    error: Option<String>,
}

/// Returns the output buckets: processed, anonymized, quarantine.
fn output_buckets(config: &Config) -> [Option<String>; 3] {
    let buckets = config.buckets(BUCKET);
    [
        Some(buckets.processed),
        Some(buckets.anonymized),
        buckets.quarantine,
    ]
}

impl Run {
    /// Processes everything, several pictures at a time, and prints the results in order. After a
    /// signal it starts no more pictures and finishes the running ones, so that no request outlives
    /// the store.
    async fn all(
        &self,
        inputs: &[Input],
        json: bool,
        bar: &ProgressBar,
        mut stop: Stop,
    ) -> Result<Count> {
        let stopped = Cell::new(None);
        let mut count = Count::default();
        let all = stream::iter(inputs)
            .take_until(async { stopped.set(Some(stop.asked().await)) })
            .map(async |input| (input, self.one(input).await))
            .buffered(2 * processors());
        let mut all = pin!(all);
        while let Some((input, done)) = all.next().await {
            let Done {
                report,
                paths,
                error,
            } = done;
            count.add(report.as_ref(), error.as_deref());
            let line = Line::new(&input.path, report.as_ref(), paths, error);
            let line = if json { line.json() } else { line.text() };
            bar.suspend(|| writeln!(io::stdout(), "{line}"))
                .context("writing the reports")?;
            bar.inc(1);
        }
        count.stopped = stopped.get();
        Ok(count)
    }

    async fn one(&self, input: &Input) -> Done {
        let failed = |report, error: anyhow::Error| Done {
            report,
            error: Some(format!("{error:#}")),
            ..Done::default()
        };
        let report = match self.process(input).await {
            Ok(report) => report,
            Err(error) => return failed(None, error),
        };
        let outputs = match outputs_of(&self.client, &self.config, BUCKET, &input.key).await {
            Ok(outputs) => outputs,
            Err(error) => return failed(Some(report), error),
        };
        let dir = |bucket: String| self.store.bucket_dir(&bucket);
        let dirs = output_buckets(&self.config).map(|bucket| bucket.map(dir));
        match self.place.take_all(dirs, outputs) {
            Ok(paths) => Done {
                error: report.failure(),
                report: Some(report),
                paths,
            },
            Err(error) => failed(Some(report), error),
        }
    }

    async fn process(&self, input: &Input) -> Result<Report> {
        let bucket = self.store.bucket_dir(BUCKET);
        self.place.lend(&input.path, &bucket, &input.key)?;
        let event = Request::post("http://xray.internal/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(event(&input.path, &input.key)?)?;
        Ok(response::read(&self.runtime.call(event).await)?)
    }
}

/// Builds the notification that a gateway would have sent if the picture had been uploaded.
fn event(picture: &Path, key: &str) -> Result<Bytes> {
    let size = picture.metadata()?.len();
    // The picture does not change, so its digest would only be read once more for nothing.
    let etag = "";
    Ok(notification(&Change::put(BUCKET, key, size, etag)))
}
