//! docs/openshift.md: its commands exist and its files are there. The page is run, with programs
//! that only take notes.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use testkit::root;

use crate::{cluster, manifests::takes};

/// Programs that a reader of the page needs, with the subcommands that the page uses.
const PROGRAMS: [(&str, &[&str]); 11] = [
    (
        "oc",
        &[
            "apply",
            "create",
            "delete",
            "exec",
            "extract",
            "get",
            "label",
            "logs",
            "new-project",
            "patch",
            "port-forward",
            "secrets",
            "set",
            "wait",
        ],
    ),
    ("kubectl", &["apply"]),
    ("helm", &["install"]),
    ("podman", &["build", "push"]),
    ("aws", &["--endpoint-url"]),
    ("openssl", &["rand"]),
    ("cat", &[]),
    ("grep", &[]),
    ("ls", &[]),
    ("sed", &[]),
    ("xargs", &["sed"]),
];

fn page() -> String {
    fs::read_to_string(root().join("docs/openshift.md")).expect("the guide")
}

/// The page's commands, as the shell splits them: program first.
fn commands() -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &Path, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may be run");
    };
    let log = dir.path().join("log");
    let programs = PROGRAMS.iter().map(|(name, _)| Path::new("bin").join(name));
    for program in programs.chain([PathBuf::from("target/release/xray")]) {
        // Each command is one append, so that those in a pipe do not mix.
        let note = "#!/bin/bash\nprintf -v line '%s\\x1f' \"${0##*/}\" \"$@\"\nprintf '%s\\x1e' \"$line\" >> ";
        write(&program, &format!("{note}{}\n", log.display()));
    }
    let mut script = String::from("set -euo pipefail\n");
    for block in page().split("```sh\n").skip(1) {
        script += block.split("```").next().expect("a block");
    }
    // It may not write anywhere else.
    let script = script.replace("/tmp/", &format!("{}/", dir.path().display()));
    let output = Command::new("/bin/bash")
        .args(["-c", &(script + "\nwait")])
        .current_dir(dir.path())
        .env("PATH", dir.path().join("bin"))
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let log = fs::read_to_string(log).expect("notes");
    let lines = log.split_terminator('\u{1e}');
    let words = |line: &str| line.split_terminator('\u{1f}').map(str::to_owned).collect();
    lines.map(words).collect()
}

#[test]
fn every_command_exists() {
    let commands = commands();
    assert!(commands.len() > 40, "only {} commands", commands.len());
    for command in commands {
        let (program, arguments) = command.split_first().expect("a program");
        if program == "xray" {
            takes(arguments);
            continue;
        }
        // What runs in a pod is our program again.
        let inner = arguments
            .iter()
            .position(|argument| argument == "/app/xray");
        let (arguments, inner) = arguments.split_at(inner.unwrap_or(arguments.len()));
        if !inner.is_empty() {
            takes(&inner[1..]);
        }
        let known = PROGRAMS.iter().find(|(name, _)| name == program);
        let known = known.expect("bash found it").1;
        let first = arguments.first().map_or("", String::as_str);
        assert!(
            known.is_empty() || known.contains(&first),
            "{program} {first}"
        );
        for pair in arguments.windows(2) {
            let file = Path::new(&pair[1]);
            match pair[0].as_str() {
                "-k" => {
                    let folder = file.strip_prefix("deploy").expect("a folder of ours");
                    assert!(
                        cluster::folders().iter().any(|f| f == folder),
                        "{command:?}"
                    );
                }
                "-f" if !pair[1].starts_with("https://") => {
                    assert!(root().join(file).is_file(), "{command:?}");
                }
                _ => {}
            }
        }
        for file in arguments
            .iter()
            .filter_map(|a| a.strip_prefix("--patch-file="))
        {
            assert!(root().join(file).is_file(), "{command:?}");
        }
    }
}

/// All folders that can be applied are explained, and all links lead somewhere.
#[test]
fn every_file_is_there_and_every_folder_is_named() {
    let page = page();
    for link in page.split("](").skip(1) {
        let link = link.split([')', '#']).next().expect("a link");
        let is_there = link.is_empty() || root().join("docs").join(link).exists();
        assert!(is_there, "there is no {link}");
    }
    for folder in cluster::folders() {
        // These two are parts of overlays.
        let is_part = folder == Path::new("base") || folder == Path::new("spinkube");
        let name = format!("deploy/{}", folder.display());
        assert!(is_part || page.contains(&name), "{name} is not explained");
    }
}
