//! Writes phantoms into a folder, to look at them or to run a model over them: `phantoms DIR [COUNT] [SEED]`.

use std::{fs, path::PathBuf, time::Instant};

use xray_demo::phantom::{DEFAULT_SEED, Phantom};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().unwrap_or_else(|| "phantoms".into()));
    let count = args.next().map_or(Ok(24), |n| n.parse())?;
    let seed = args.next().map_or(Ok(DEFAULT_SEED), |n| n.parse())?;
    fs::create_dir_all(&dir)?;
    let started = Instant::now();
    let phantoms = Phantom::draw_all(seed, count);
    println!("{count} pictures in {:?}", started.elapsed());
    for phantom in phantoms {
        println!("{:.2} {}", phantom.severity, phantom.patient.file_name());
        fs::write(dir.join(phantom.patient.file_name()), &phantom.jpeg)?;
    }
    Ok(())
}
