//! The variables `OTEL_*` that decide whether traces are sent, and where to. The exporter reads
//! those of the address, its headers, its compression and the batches itself.

use std::{sync::OnceLock, time::Duration};

use anyhow::{Context, Result, bail};

use super::{Traces, sampler::Sampler};

/// Traces of this process, if its environment asks for them.
static OF_PROCESS: OnceLock<Option<Traces>> = OnceLock::new();

/// Begins of the names of the exporter's variables, the more specific one first.
const PREFIXES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"];

/// Settings of [`Traces`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// Address of the collector; `None` leaves it to the exporter.
    pub(super) endpoint: Option<String>,
    /// File of the only certificate authorities that the collector may have, in PEM format.
    pub(super) authorities: Option<String>,
    /// Longest time that sending spans once may take.
    pub(super) timeout: Duration,
    pub(super) sampler: Sampler,
    pub(super) has_service_name: bool,
    pub(super) has_queue_size: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            authorities: None,
            timeout: Duration::from_secs(10),
            sampler: Sampler::default(),
            has_service_name: false,
            has_queue_size: false,
        }
    }
}

/// Returns the traces of this process, which the first call starts.
///
/// # Errors
/// When a variable has a value that is not supported.
pub fn of_environment() -> Result<Option<Traces>> {
    if let Some(traces) = OF_PROCESS.get() {
        return Ok(traces.clone());
    }
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let traces = match settings {
        Some(settings) => Some(Traces::start(&settings)?),
        None => None,
    };
    Ok(OF_PROCESS.get_or_init(|| traces).clone())
}

/// Sends the spans that wait, for at most a few seconds, before the process ends.
pub fn end() {
    if let Some(Some(traces)) = OF_PROCESS.get() {
        traces.end();
    }
}

impl Settings {
    /// Reads the settings; `None` if traces are off, which they are without an address.
    fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let of_exporter = |name: &str| {
            PREFIXES
                .iter()
                .find_map(|prefix| lookup(&format!("{prefix}{name}")))
        };
        let is_disabled =
            lookup("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let is_on = match lookup("OTEL_TRACES_EXPORTER").as_deref() {
            None => of_exporter("ENDPOINT").is_some(),
            Some("otlp") => true,
            Some("none") => false,
            Some(other) => {
                bail!("OTEL_TRACES_EXPORTER={other}: traces are sent by otlp; use otlp or none")
            }
        };
        if is_disabled || !is_on {
            return Ok(None);
        }
        match of_exporter("PROTOCOL").as_deref() {
            None | Some("http/protobuf") => {}
            Some(other) => bail!(
                "OTEL_EXPORTER_OTLP_PROTOCOL={other} is not supported; use http/protobuf, and the collector's port \
                 for it, usually 4318"
            ),
        }
        if of_exporter("CLIENT_KEY").is_some() || of_exporter("CLIENT_CERTIFICATE").is_some() {
            bail!(
                "OTEL_EXPORTER_OTLP_CLIENT_KEY is not supported; use OTEL_EXPORTER_OTLP_HEADERS to sign in to the \
                 collector"
            );
        }
        let millis = |text: String| {
            let millis = text.trim().parse();
            millis.context("OTEL_EXPORTER_OTLP_TIMEOUT must be a number of milliseconds")
        };
        let own = Self::default();
        let names_service = |list: String| {
            list.split(',')
                .any(|own| own.trim().starts_with("service.name="))
        };
        Ok(Some(Self {
            authorities: of_exporter("CERTIFICATE"),
            timeout: match of_exporter("TIMEOUT") {
                Some(text) => Duration::from_millis(millis(text)?),
                None => own.timeout,
            },
            sampler: match lookup("OTEL_TRACES_SAMPLER") {
                Some(name) => Sampler::parse(&name, lookup("OTEL_TRACES_SAMPLER_ARG").as_deref())?,
                None => own.sampler,
            },
            has_service_name: lookup("OTEL_SERVICE_NAME").is_some()
                || lookup("OTEL_RESOURCE_ATTRIBUTES").is_some_and(names_service),
            has_queue_size: lookup("OTEL_BSP_MAX_QUEUE_SIZE").is_some(),
            ..own
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>> {
        Settings::read(|name| {
            let found = variables.iter().find(|(own, _)| *own == name)?;
            Some(found.1.to_owned())
        })
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn traces_are_off_without_an_address() {
        for (variables, is_on) in [
            (&[][..], false),
            (&[("OTEL_SERVICE_NAME", "a")], false),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], false),
            (&[ENDPOINT], true),
            (
                &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/v1/traces")],
                true,
            ),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], true),
            (&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")], false),
            (&[ENDPOINT, ("OTEL_SDK_DISABLED", "true")], false),
        ] {
            assert_eq!(read(variables).unwrap().is_some(), is_on, "{variables:?}");
        }
    }

    #[test]
    fn variable_that_is_not_supported_is_named_with_a_remedy() {
        for (name, value, remedy) in [
            ("OTEL_TRACES_EXPORTER", "zipkin", "use otlp or none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "use http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "k", "OTLP_HEADERS"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
            ("OTEL_TRACES_SAMPLER", "some", "always_on"),
        ] {
            let error = read(&[ENDPOINT, (name, value)]).unwrap_err().to_string();
            assert!(error.contains(remedy), "{name}: {error}");
        }
    }

    #[test]
    fn specific_variables_come_before_general_ones() {
        let settings = read(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.crt"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=c"),
        ]);
        let settings = settings.unwrap().unwrap();
        assert_eq!(settings.timeout, Duration::from_secs(2));
        assert_eq!(settings.authorities.as_deref(), Some("ca.crt"));
        assert!(settings.has_service_name && !settings.has_queue_size);
    }
}
