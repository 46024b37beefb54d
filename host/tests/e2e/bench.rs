//! A request with each kind of inference, side by side: `make bench-nn`.

use crate::{Taken, inference, phantoms, world::World};

/// All kinds serve at once and take turns, so that each sees the same machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-nn`"]
async fn bench_nn_requests() {
    let mut worlds = Vec::new();
    for (nn, _) in inference() {
        let world = World::start(&[], &["--nn", nn, "--quiet"]).await;
        worlds.push((format!("--nn {nn}"), world, Taken::default()));
    }
    Taken::measure(&mut worlds, &phantoms(12), 60).await;
    Taken::tell(worlds);
}
