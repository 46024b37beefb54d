//! Output of components: to the terminal, to one file for each component and stream, and to
//! listeners.

mod output;

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use xray::report::Report;

pub use output::GuestOutput;

use crate::serve::traces::Scope;

/// Stream that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: the report lines.
    Stdout,
    /// Standard error: panics and diagnostics.
    Stderr,
}

/// Callback for every line that a component prints.
pub type Listener = Arc<dyn Fn(Stream, &str) + Send + Sync>;

/// Returns a listener that calls `handle` with each report.
pub fn report_listener(handle: impl Fn(Report) + Send + Sync + 'static) -> Listener {
    Arc::new(move |stream, line| {
        if let Some(report) = report(stream, line) {
            handle(report);
        }
    })
}

/// Parses a line that is a report.
fn report(stream: Stream, line: &str) -> Option<Report> {
    let may_be_one = stream == Stream::Stdout && line.starts_with('{');
    may_be_one.then(|| serde_json::from_str(line).ok())?
}

/// Sinks for the lines of one component.
pub struct Logs {
    component: String,
    quiet: bool,
    files: Option<[Mutex<File>; 2]>,
    listeners: Vec<Listener>,
}

impl Logs {
    /// Opens `<component>_stdout.txt` and `<component>_stderr.txt` in `dir` for appending.
    /// `truncate` empties them first.
    ///
    /// # Errors
    /// When the folder or the files can't be created.
    pub fn open(
        component: &str,
        dir: Option<&Path>,
        truncate: bool,
        quiet: bool,
        listeners: Vec<Listener>,
    ) -> Result<Self> {
        let files = match dir {
            None => None,
            Some(dir) => {
                std::fs::create_dir_all(dir)
                    .with_context(|| format!("cannot create the log folder {}", dir.display()))?;
                let name = component.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-");
                let open = |stream: &str| {
                    let path = dir.join(format!("{name}_{stream}.txt"));
                    let file = OpenOptions::new().create(true).append(true).open(&path);
                    let empty = |file: File| {
                        if truncate {
                            file.set_len(0)?;
                        }
                        Ok(Mutex::new(file))
                    };
                    file.and_then(empty)
                        .with_context(|| format!("cannot write {}", path.display()))
                };
                Some([open("stdout")?, open("stderr")?])
            }
        };
        Ok(Self {
            component: component.to_owned(),
            quiet,
            files,
            listeners,
        })
    }

    /// Writes a line of the component.
    pub fn line(&self, stream: Stream, line: &str) {
        for listener in &self.listeners {
            listener(stream, line);
        }
        self.to_file(stream, line);
        if !self.quiet {
            // A closed terminal must not stop the component.
            _ = match stream {
                Stream::Stdout => writeln!(std::io::stdout(), "[{}] {line}", self.component),
                Stream::Stderr => writeln!(std::io::stderr(), "[{}] {line}", self.component),
            };
        }
    }

    /// Logs a message of the host about this component, with the id of the trace that it belongs
    /// to.
    pub fn host_message(&self, message: &str, scope: Option<&Scope>) {
        match scope.and_then(|scope| scope.context().trace_id()) {
            None => {
                self.to_file(Stream::Stderr, message);
                tracing::warn!(component = %self.component, "{message}");
            }
            Some(trace_id) => {
                self.to_file(Stream::Stderr, &format!("{message} trace_id={trace_id}"));
                tracing::warn!(component = %self.component, %trace_id, "{message}");
            }
        }
    }

    fn to_file(&self, stream: Stream, line: &str) {
        if let Some(files) = &self.files {
            let mut file = files[stream as usize]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // A single write, so that lines of other appending processes don't interleave.
            _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs")
            .field("component", &self.component)
            .finish_non_exhaustive()
    }
}
