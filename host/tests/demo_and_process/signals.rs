//! `xray process` that is told to end.

use std::{
    fs, io,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    function_is_built,
    process::{pictures, process},
    text,
};

#[test]
fn signal_leaves_no_store_behind() {
    if !function_is_built() {
        return;
    }
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        ends(signal, code, &[]);
    }
}

/// Opening a named pipe waits for a writer, and nothing ends a thread that waits.
#[test]
fn named_pipe_withstands_no_signal() {
    if !function_is_built() {
        return;
    }
    ends("-TERM", 143, &["pipe.png", "link.png"]);
}

/// Sends a signal in the middle of a run with many pictures, and with these pipes.
fn ends(signal: &str, code: i32, pipes: &[&str]) {
    let (dir, phantoms) = pictures();
    for number in 0..200 {
        let path = dir.path().join(format!("in/{number}.jpeg"));
        fs::write(path, &phantoms[0].jpeg).unwrap();
    }
    if !pipes.is_empty() {
        let pipe = dir.path().join("pipe.png");
        let made = Command::new("mkfifo").arg(pipe).status().unwrap();
        assert!(made.success());
        std::os::unix::fs::symlink("pipe.png", dir.path().join("link.png")).unwrap();
    }
    let mut child = process(dir.path())
        .args(pipes)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once the first line is there, it is in the middle of it.
    let mut stdout = io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
    assert!(sent.success());
    let started = Instant::now();
    let mut printed = String::new();
    io::Read::read_to_string(&mut stdout, &mut printed).unwrap();
    let output = child.wait_with_output().unwrap();
    let took = started.elapsed();
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    // A few pictures are still finished, which takes long on a busy machine.
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(printed.lines().count() < 150, "{printed}");
    for pipe in pipes {
        let mut after = printed.lines().skip_while(|line| !line.ends_with(pipe));
        let reason = after.nth(1).unwrap_or_default();
        assert!(reason.contains("neither a regular file"), "{printed}");
    }
    let left = fs::read_dir(dir.path().join("out")).unwrap();
    let is_hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    assert_eq!(left.flatten().filter(is_hidden).count(), 0);
}
