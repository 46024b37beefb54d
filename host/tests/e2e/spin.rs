//! Stock Spin with the repository's own `spin.toml`: `make test-spin SPIN=/path/to/spin`.

use std::process::Command;
use testkit::root;

use crate::{Taken, outputs, phantoms, same_pictures, world::World};

/// `spin up` composes the inference component in by itself; nothing else is told to it than to our host.
async fn spin(program: &str) -> World {
    let mut command = Command::new(program);
    command.args(["up", "--listen", "127.0.0.1:0", "--from"]);
    command.arg(root().join("spin.toml"));
    World::serve(command, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spin, see `make test-spin`"]
async fn stock_spin_gives_the_same_pictures() {
    let program = std::env::var("SPIN").expect("SPIN=/path/to/spin");
    let phantoms = phantoms(12);
    let mut worlds = Vec::new();
    for nn in ["embedded", "component"] {
        let world = World::start(&[], &["--nn", nn, "--quiet"]).await;
        worlds.push((format!("--nn {nn}"), world, Taken::default()));
    }
    worlds.push(("spin up".to_owned(), spin(&program).await, Taken::default()));
    let mut risks = vec![Vec::new(); worlds.len()];
    for phantom in &phantoms {
        for ((name, world, _), risks) in worlds.iter().zip(&mut risks) {
            let event = world.put(&phantom.patient.file_name(), &phantom.jpeg).await;
            let (status, report) = world.deliver(&event).await;
            assert_eq!(status, 200, "{name}: {report}");
            risks.push(report["risk"].as_f64().unwrap());
        }
    }
    let expected = outputs(&worlds[0].1).await;
    for (i, (name, world, _)) in worlds.iter().enumerate().skip(1) {
        let apart = risks[0].iter().zip(&risks[i]).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f64::max);
        println!("RISK at most {apart:.1e} apart, {name}");
        assert!(apart < 1e-4, "{name}: {apart}");
        let made = outputs(world).await;
        same_pictures(name, &phantoms, (&expected, &risks[0]), (&made, &risks[i]));
    }
    Taken::measure(&mut worlds, &phantoms, 40).await;
    for (_, world, _) in &mut worlds {
        world.terminate();
    }
    Taken::tell(worlds);
}
