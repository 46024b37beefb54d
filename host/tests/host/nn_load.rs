//! What it costs that every request has a fresh instance: loading and the first run beside a run alone.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use testkit::root;

use crate::{inference::shipped_input, named::contract_of, nn_component::Instance, support};

/// The shortest times of several fresh instances: what disturbs a machine only ever adds.
struct Times {
    load: Duration,
    first: Duration,
    again: Duration,
}

impl Times {
    fn of(models: &Path, name: &str, contract: &serde_json::Value, rounds: usize) -> Self {
        let mut best = [Duration::MAX; 3];
        for _ in 0..rounds {
            let mut instance = Instance::new(Some(models)).expect("it was there before");
            let begun = Instant::now();
            let graph = instance.load_by_name(name).unwrap();
            let load = begun.elapsed();
            let mut run = || {
                let input = shipped_input(contract, 7);
                let begun = Instant::now();
                instance.compute(graph, &[input]).unwrap();
                begun.elapsed()
            };
            let times = [load, run(), run()];
            for (best, time) in best.iter_mut().zip(times) {
                *best = time.min(*best);
            }
        }
        let [load, first, again] = best;
        Self { load, first, again }
    }

    /// Load and first run, in runs.
    fn ratio(&self) -> f64 {
        (self.load + self.first).as_secs_f64() / self.again.as_secs_f64()
    }

    fn tell(&self, what: &str) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "LOAD {what:<24} load {:>5.2} ms  first run {:>5.2} ms  run {:>5.2} ms  (load + first run) / run {:.2}",
            ms(self.load),
            ms(self.first),
            ms(self.again),
            self.ratio()
        );
    }
}

#[test]
fn loading_costs_little_beside_a_run() {
    let Some((_, contract)) = support::model().filter(|_| Instance::new(None).is_some()) else {
        return;
    };
    let times = Times::of(&root().join("models"), "pneumonia", &contract, 20);
    times.tell("built in");
    // Read from its file the model would cost two runs more. `make bench-nn` has the machine to itself and holds it to 1.3.
    assert!(times.ratio() <= 1.5, "{}", times.ratio());
}

#[test]
#[ignore = "a measurement, run by `make bench-nn`"]
fn bench_nn_load() {
    let (shipped, contract) = support::model().expect("the shipped model");
    let built_in = Times::of(&root().join("models"), "pneumonia", &contract, 50);
    built_in.tell("built in");
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("alone")).unwrap();
    fs::write(
        dir.path().join("alone/contract.json"),
        contract_of(&shipped),
    )
    .unwrap();
    Times::of(dir.path(), "alone", &contract, 50).tell("built in, without file");
    // The same network with one field more, so that it is another file: read through WASI, and digested.
    let other = [&shipped[..], &[0xfa, 0x07, 0x01, b'x']].concat();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("other")).unwrap();
    fs::write(dir.path().join("other/model.onnx"), &other).unwrap();
    fs::write(dir.path().join("other/contract.json"), contract_of(&other)).unwrap();
    Times::of(dir.path(), "other", &contract, 50).tell("from its file");
    assert!(built_in.ratio() <= 1.3, "{}", built_in.ratio());
}
