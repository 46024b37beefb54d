//! Figures of the Kafka trigger, from the metrics' text: the trigger keeps them nowhere else.

use crate::serve::runtime::Runtime;

/// Figures of all triggers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    /// Records that wait.
    pub(super) lag: u64,
    /// Records given up.
    pub(super) dead: u64,
}

/// Returns the figures if the application has a Kafka trigger.
pub(super) fn figures(runtime: Option<&Runtime>) -> Option<Figures> {
    let runtime = runtime?;
    read(&runtime.metrics().render(runtime.inference().sessions()))
}

fn read(text: &str) -> Option<Figures> {
    text.contains("xray_kafka_in_flight").then(|| Figures {
        lag: sum(text, "xray_kafka_lag{"),
        dead: sum(text, "xray_kafka_dead_lettered_total{"),
    })
}

fn sum(text: &str, start: &str) -> u64 {
    let lines = text.lines().filter(|line| line.starts_with(start));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_over_partitions() {
        let text = "xray_kafka_in_flight 0\nxray_kafka_lag{topic=\"a\",partition=\"0\"} 3\n\
            xray_kafka_lag{topic=\"a\",partition=\"1\"} 4\nxray_kafka_dead_lettered_total{reason=\"refused\"} 2\n";
        assert_eq!(read(text), Some(Figures { lag: 7, dead: 2 }));
        assert_eq!(read("xray_requests_total 3\n"), None);
    }
}
