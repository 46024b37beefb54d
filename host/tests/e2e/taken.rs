//! Times of requests in several environments that take turns.

use std::time::Instant;

use phantoms::Phantom;

use crate::world::World;

/// Times of one environment's requests, in milliseconds.
#[derive(Default)]
pub struct Taken {
    request: Vec<f64>,
    predict: Vec<f64>,
    /// Finding text, and looking again.
    text: Vec<f64>,
}

/// A world by its name.
pub type Named = (String, World, Taken);

impl Taken {
    /// Sends each world the same events, one after the other, so that each sees the same machine.
    pub async fn measure(worlds: &mut [Named], phantoms: &[Phantom], rounds: usize) {
        let warm_up = 4;
        for round in 0..warm_up + rounds {
            let phantom = &phantoms[round % phantoms.len()];
            let key = format!("{round}/{}", phantom.patient.file_name());
            for (name, world, taken) in &mut *worlds {
                let event = world.put(&key, &phantom.jpeg).await;
                let begun = Instant::now();
                let (status, report) = world.deliver(&event).await;
                let request = begun.elapsed();
                assert_eq!(status, 200, "{name}: {report}");
                if round >= warm_up {
                    taken.request.push(request.as_secs_f64() * 1e3);
                    let ms = |step: &str| report["ms"][step].as_f64().unwrap_or(0.0);
                    taken.predict.push(ms("predict"));
                    taken.text.push(ms("detect") + ms("verify"));
                }
            }
        }
    }

    /// Prints the medians, and each request as a multiple of the first world's.
    pub fn tell(worlds: Vec<Named>) {
        let mut base = None;
        for (name, _, taken) in worlds {
            let (request, predict) = (median(taken.request), median(taken.predict));
            let text = median(taken.text);
            let base = *base.get_or_insert(request);
            println!(
                "REQUEST {name:<32} {request:>6.1} ms  of it inference {predict:>6.1} ms, text {text:>6.1} ms  ratio {:.2}",
                request / base
            );
        }
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
