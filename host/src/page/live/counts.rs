//! Counts and rates of the events since the start.

use std::collections::VecDeque;

use jiff::Timestamp;
use xray::{error::Outcome, model::predict::Class, report::Report};

/// Bins of the histogram of risks, each a twentieth wide.
pub const BINS: usize = 20;
/// Minutes in the chart of classes.
pub const MINUTES: usize = 30;
/// Events whose durations are kept.
const RECENT: usize = 200;
/// Seconds over which the rate is taken.
const RATE_WINDOW: i64 = 60;

/// Events of one minute by class: Pneumonia, Unsure, Normal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Minutes since 1970.
    pub minute: i64,
    /// Events by class.
    pub classes: [u64; 3],
}

/// Counts since the start.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// All events.
    pub events: u64,
    /// Events by outcome, in the order of [`OUTCOMES`].
    pub outcomes: [u64; 5],
    /// Labeled pictures by class: Pneumonia, Unsure, Normal.
    pub classes: [u64; 3],
    /// Pictures that failed an input check.
    pub unfamiliar: u64,
    /// Histogram of risks.
    pub risks: [u64; BINS],
    /// Minutes with events, the oldest first.
    pub minutes: VecDeque<Minute>,
    totals: VecDeque<f64>,
    steps: Vec<(&'static str, VecDeque<f64>)>,
    seconds: VecDeque<(i64, u64)>,
}

/// Outcomes in the order of [`Counts::outcomes`].
pub const OUTCOMES: [Outcome; 5] = [
    Outcome::Done,
    Outcome::Skipped,
    Outcome::Quarantined,
    Outcome::Rejected,
    Outcome::Retry,
];

/// Classes in the order of [`Counts::classes`].
pub const CLASSES: [Class; 3] = [Class::Pneumonia, Class::Unsure, Class::Normal];

fn push(values: &mut VecDeque<f64>, value: f64) {
    if values.len() == RECENT {
        values.pop_front();
    }
    values.push_back(value);
}

fn median(values: &VecDeque<f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

impl Counts {
    /// Counts a report.
    pub fn add(&mut self, report: &Report, at: Timestamp) {
        self.events += 1;
        if let Some(index) = OUTCOMES.iter().position(|one| *one == report.outcome) {
            self.outcomes[index] += 1;
        }
        let second = at.as_second();
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self
            .seconds
            .front()
            .is_some_and(|(first, _)| *first <= second - RATE_WINDOW)
        {
            self.seconds.pop_front();
        }
        let class = report
            .class
            .and_then(|class| CLASSES.iter().position(|one| *one == class));
        let Some(class) = class else {
            return;
        };
        self.classes[class] += 1;
        let minute = second.div_euclid(60);
        if self.minutes.back().is_none_or(|last| last.minute != minute) {
            self.minutes.push_back(Minute {
                minute,
                ..Minute::default()
            });
        }
        if self.minutes.len() > MINUTES {
            self.minutes.pop_front();
        }
        if let Some(last) = self.minutes.back_mut() {
            last.classes[class] += 1;
        }
        if report.input_check().is_some() {
            self.unfamiliar += 1;
        }
        if let Some(risk) = report.risk {
            let bin = (risk * BINS as f64) as usize;
            self.risks[bin.min(BINS - 1)] += 1;
        }
        for (step, ms) in report.ms.steps() {
            if step == "total" {
                push(&mut self.totals, ms);
                continue;
            }
            match self.steps.iter_mut().find(|(name, _)| *name == step) {
                Some((_, values)) => push(values, ms),
                None => self.steps.push((step, VecDeque::from([ms]))),
            }
        }
    }

    /// Returns the events in the minute before `now`.
    pub fn last_minute(&self, now: Timestamp) -> u64 {
        let first = now.as_second() - RATE_WINDOW;
        let seconds = self.seconds.iter().filter(|(second, _)| *second > first);
        seconds.map(|(_, count)| count).sum()
    }

    /// Returns the median duration of the recent events in milliseconds.
    pub fn median(&self) -> Option<f64> {
        median(&self.totals)
    }

    /// Returns the median duration of each step of the recent events in milliseconds.
    pub fn steps(&self) -> Vec<(&'static str, f64)> {
        let medians = self
            .steps
            .iter()
            .map(|(step, values)| (*step, median(values)));
        medians.filter_map(|(step, ms)| Some((step, ms?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Report {
        serde_json::from_str(&format!(r#"{{"event":"object",{json}}}"#)).unwrap()
    }

    #[test]
    fn events_are_counted_by_outcome_class_and_risk() {
        let mut counts = Counts::default();
        let start = Timestamp::from_second(600).unwrap();
        for (json, second) in [
            (
                r#""outcome":"done","class":"Pneumonia","risk":1.0,"ms":{"decode":2,"total":9}"#,
                0,
            ),
            (
                r#""outcome":"done","class":"Normal","risk":0.049,"ms":{"decode":4,"total":11}"#,
                1,
            ),
            (
                r#""outcome":"done","class":"Unsure","input_check":"inverted","ms":{"decode":6,"total":10}"#,
                61,
            ),
            (r#""outcome":"rejected","reason":"damaged""#, 62),
        ] {
            let at = Timestamp::from_second(start.as_second() + second).unwrap();
            counts.add(&report(json), at);
        }
        assert_eq!(counts.events, 4);
        assert_eq!(counts.outcomes, [3, 0, 0, 1, 0]);
        assert_eq!((counts.classes, counts.unfamiliar), ([1, 1, 1], 1));
        assert_eq!((counts.risks[0], counts.risks[BINS - 1]), (1, 1));
        assert_eq!(counts.risks.iter().sum::<u64>(), 2);
        let minutes: Vec<_> = counts
            .minutes
            .iter()
            .map(|one| (one.minute, one.classes))
            .collect();
        assert_eq!(minutes, [(10, [1, 0, 1]), (11, [0, 1, 0])]);
        assert_eq!(counts.median(), Some(10.0));
        assert_eq!(counts.steps(), [("decode", 4.0)]);
        let now = Timestamp::from_second(start.as_second() + 62).unwrap();
        assert_eq!(counts.last_minute(now), 2);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut counts = Counts::default();
        let one =
            report(r#""outcome":"done","class":"Normal","risk":0.1,"ms":{"decode":2,"total":9}"#);
        for minute in 0..1000 {
            counts.add(&one, Timestamp::from_second(60 * minute).unwrap());
        }
        assert_eq!(counts.minutes.len(), MINUTES);
        assert_eq!(
            (counts.totals.len(), counts.steps[0].1.len()),
            (RECENT, RECENT)
        );
        assert_eq!(counts.seconds.len(), 1);
    }
}
