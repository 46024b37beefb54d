//! Inference libraries send nothing and leave nothing behind.

use std::{fs, process::Command};

use phantoms::{DEFAULT_SEED, Phantom};
use testkit::{function_is_built, missing, root};

use crate::{files, run, text};

/// Runs `xray process` under strace with each backend, with an empty home folder. Nothing may
/// connect or look a name up, and the home folder stays empty.
#[test]
fn no_backend_looks_up_names_or_writes_to_the_home_folder() {
    if !function_is_built() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        missing("strace", "install strace");
        return;
    }
    for backend in ["onnx", "openvino", "embedded"] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("home")).unwrap();
        fs::write(path("a.jpeg"), Phantom::draw(DEFAULT_SEED, 1).jpeg).unwrap();
        let mut command = Command::new("strace");
        command.args([
            "-f",
            "-qq",
            "-e",
            "trace=connect,sendto,sendmsg,sendmmsg",
            "-o",
        ]);
        command.arg(path("trace"));
        command
            .arg(env!("CARGO_BIN_EXE_xray"))
            .arg("process")
            .arg("--from")
            .arg(root());
        command
            .args(["--nn", backend, "--state-dir"])
            .arg(path("state"));
        command.arg(path("a.jpeg")).arg("-o").arg(path("out"));
        command
            .env("HOME", path("home"))
            .env_remove("XDG_CACHE_HOME");
        command
            .env_remove("ORT_DISABLE_TELEMETRY")
            .current_dir(dir.path());
        let output = run(&mut command);
        let stderr = text(&output.stderr);
        if stderr.contains("run `xray setup-backends`") {
            missing(&format!("the backend {backend}"), "run `make backends`");
            continue;
        }
        assert!(output.status.success(), "{backend}: {stderr}");
        let trace = fs::read_to_string(path("trace")).unwrap();
        let network: Vec<_> = trace
            .lines()
            .filter(|line| line.contains("AF_INET"))
            .collect();
        assert_eq!(network, [""; 0], "{backend}");
        assert_eq!(files(&path("home")), [""; 0], "{backend}");
        let beside: Vec<_> = files(dir.path())
            .into_iter()
            .filter(|file| !["out/", "state/"].iter().any(|own| file.starts_with(own)))
            .collect();
        assert_eq!(beside, ["a.jpeg", "trace"], "{backend}");
    }
}
