//! The host's own messages: on standard error, at the levels that `RUST_LOG` asks for.
//!
//! `RUST_LOG` reaches our own crates only. Dependencies stay silent whatever it says: HTTP clients
//! log URIs, and the object keys in those hold patients' names.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, ParseError, Targets, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Crates whose messages may be shown. They must never log an object key, a URI or a header.
const OWN_CRATES: [&str; 3] = ["xray", "xray_host", "kafka_trigger"];

/// Prints the host's messages from now on.
pub fn init() {
    let rust_log = std::env::var("RUST_LOG").unwrap_or_default();
    let (targets, rejected) = match parse(&rust_log) {
        Ok(targets) => (targets, None),
        Err(error) => (Targets::new(), Some(error)),
    };
    let layer = layer(targets, io::stderr);
    // A subscriber that is already there, as in a test, stays.
    _ = tracing_subscriber::registry().with(layer).try_init();
    if let Some(error) = rejected {
        tracing::warn!("RUST_LOG is ignored: {error}");
    }
}

/// Parses `RUST_LOG`. An empty one is the same as none; on its own it would mean errors only.
fn parse(rust_log: &str) -> Result<Targets, ParseError> {
    match rust_log.trim() {
        "" => Ok(Targets::new()),
        directives => directives.parse(),
    }
}

fn layer<S, W>(targets: Targets, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Directives for single targets leave the level of all others alone.
    let targets = match targets.default_level() {
        Some(_) => targets,
        None => targets.with_default(LevelFilter::INFO),
    };
    let filter = filter_fn(move |metadata| {
        is_own(metadata.target()) && targets.would_enable(metadata.target(), metadata.level())
    });
    fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_filter(filter)
}

/// Compares whole crate names, since `s3` would otherwise let `s3s` through.
fn is_own(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or(target);
    OWN_CRATES.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the output for messages from our crates and from dependencies.
    fn printed(rust_log: &str) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = layer(parse(rust_log).unwrap(), move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "xray_host::serve", "own-info");
            tracing::trace!(target: "xray_host::serve", "own-trace");
            tracing::debug!(target: "kafka_trigger", "trigger-debug");
            for_dependencies();
        });
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    fn for_dependencies() {
        tracing::trace!(target: "hyper_util::client::legacy", "GET /in/DOE_JANE.jpg");
        tracing::info!(target: "xray_hostile", "DOE_JANE");
        tracing::error!(target: "s3s::service", "DOE_JANE");
        tracing::error!(target: "rustls", "DOE_JANE");
    }

    #[test]
    fn dependencies_are_silent_whatever_rust_log_says() {
        for rust_log in [
            "",
            "trace",
            "hyper_util=trace,s3s=trace,rustls=trace",
            "xray_hostile",
        ] {
            let printed = printed(rust_log);
            assert!(printed.contains("own-info"), "{rust_log}: {printed}");
            assert!(!printed.contains("DOE_JANE"), "{rust_log}: {printed}");
        }
    }

    #[test]
    fn rust_log_sets_the_levels_of_our_crates() {
        for (rust_log, own_info, own_trace, trigger_debug) in [
            ("", true, false, false),
            ("debug", true, false, true),
            ("trace", true, true, true),
            ("off", false, false, false),
            ("kafka_trigger=debug", true, false, true),
            ("xray_host=trace", true, true, false),
            ("xray_host::serve=error", false, false, false),
        ] {
            let printed = printed(rust_log);
            let shown =
                ["own-info", "own-trace", "trigger-debug"].map(|part| printed.contains(part));
            assert_eq!(
                shown,
                [own_info, own_trace, trigger_debug],
                "{rust_log}: {printed}"
            );
        }
    }
}
