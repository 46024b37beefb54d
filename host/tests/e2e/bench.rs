//! A request with each kind of inference, side by side: `make bench-nn`.

use crate::{Taken, inference, phantoms, world::World};

/// All kinds serve at once and take turns, so that each sees the same machine: each as it is for a
/// picture that gets no anonymized copy, for one that does, and for one that does without looking
/// for text.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-nn`"]
async fn bench_nn_requests() {
    let kinds: [(&str, &[(&str, &str)]); 3] = [
        ("no copy", &[("anonymize", "none")]),
        ("copy", &[("anonymize", "all"), ("text_detector", "")]),
        ("copy, text found", &[("anonymize", "all")]),
    ];
    let mut worlds = Vec::new();
    for (nn, _) in inference() {
        for (what, variables) in kinds {
            let world = World::start(variables, &["--nn", nn, "--quiet"]).await;
            worlds.push((format!("--nn {nn}, {what}"), world, Taken::default()));
        }
    }
    Taken::measure(&mut worlds, &phantoms(12), 60).await;
    Taken::tell(worlds);
}
