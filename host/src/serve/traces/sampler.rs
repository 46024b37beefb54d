//! The choice of the traces that are recorded, by the words of `OTEL_TRACES_SAMPLER`.

use anyhow::{Context, Result, bail};
use xray::event::TraceParent;

/// Choice of traces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampler {
    /// A trace that began elsewhere is recorded if it is recorded there.
    follows_parent: bool,
    /// Share of the other traces.
    share: f64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            follows_parent: true,
            share: 1.0,
        }
    }
}

impl Sampler {
    /// Parses the name of a sampler and its argument.
    ///
    /// # Errors
    /// When the name is unknown, or the argument is not between 0 and 1.
    pub(super) fn parse(name: &str, argument: Option<&str>) -> Result<Self> {
        let (follows_parent, own) = match name.strip_prefix("parentbased_") {
            Some(own) => (true, own),
            None => (false, name),
        };
        let share = match own {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => argument
                .map_or(Ok(1.0), str::parse)
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .context("OTEL_TRACES_SAMPLER_ARG must be a share between 0 and 1")?,
            _ => bail!(
                "OTEL_TRACES_SAMPLER={name} is unknown here; use always_on, always_off or traceidratio, or one of \
                 them with parentbased_ before it"
            ),
        };
        Ok(Self {
            follows_parent,
            share,
        })
    }

    /// Decides by the trace's id, so that every host decides alike.
    pub(super) fn samples(&self, parent: Option<TraceParent>, trace: u128) -> bool {
        match parent {
            Some(parent) if self.follows_parent => parent.is_sampled,
            // The lower half of the id, as OpenTelemetry's other SDKs do it.
            _ => ((trace as u64) >> 1) < (self.share * (1_u64 << 63) as f64) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampler_follows_the_parent_or_takes_a_share() {
        let parent = |is_sampled| {
            Some(TraceParent {
                trace: 7,
                span: 7,
                is_sampled,
            })
        };
        // Parents that are recorded and not, without a parent a low and a high id.
        for (name, argument, expected) in [
            ("parentbased_always_on", None, [true, false, true, true]),
            ("parentbased_always_off", None, [true, false, false, false]),
            ("always_on", None, [true; 4]),
            ("always_off", None, [false; 4]),
            ("traceidratio", Some("0.5"), [true, true, true, false]),
            (
                "parentbased_traceidratio",
                Some("0.5"),
                [true, false, true, false],
            ),
            ("traceidratio", None, [true; 4]),
        ] {
            let sampler = Sampler::parse(name, argument).unwrap();
            let high = u128::from(u64::MAX);
            let sampled = [
                sampler.samples(parent(true), 7),
                sampler.samples(parent(false), 7),
                sampler.samples(None, 7),
                sampler.samples(None, high),
            ];
            assert_eq!(sampled, expected, "{name} {argument:?}");
        }
        assert_eq!(
            Sampler::parse("parentbased_always_on", None).unwrap(),
            Sampler::default()
        );
    }

    #[test]
    fn unknown_samplers_and_shares_are_refused() {
        for (name, argument) in [
            ("jaeger_remote", None),
            ("parentbased_", None),
            ("traceidratio", Some("2")),
            ("traceidratio", Some("half")),
            ("traceidratio", Some("NaN")),
        ] {
            let error = Sampler::parse(name, argument).unwrap_err().to_string();
            assert!(error.starts_with("OTEL_TRACES_SAMPLER"), "{error}");
        }
    }
}
