//! `xray` as a process against the gateway: commands that end, and the function that serves.

use std::{ffi::OsStr, process::Command, sync::PoisonError};

use s3::Credentials;
use serde_json::Value;
use testkit::{
    ceph::{Gateway, TOPICS},
    process::HostProcess,
    root,
};

/// The key of the tests' pseudonyms.
pub const PSEUDONYM_KEY: &str = "a key for tests, long enough";

/// What a command ended with.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `xray` with the settings for this gateway and bucket in its environment. It runs in the repository's root, where the
/// manifest is.
pub fn xray(gateway: &Gateway, bucket: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(arguments).current_dir(root());
    let variables = [
        ("SPIN_VARIABLE_S3_ENDPOINT", gateway.endpoint.as_str()),
        ("SPIN_VARIABLE_S3_ACCESS_KEY", &gateway.function.access_key),
        (
            "SPIN_VARIABLE_S3_SECRET_KEY",
            gateway.function.secret_key.expose(),
        ),
        ("SPIN_VARIABLE_PSEUDONYM_KEY", PSEUDONYM_KEY),
        ("XRAY_BUCKET", bucket),
    ];
    command.envs(variables);
    owner(&mut command, &gateway.owner);
    command
}

/// Gives a command these keys as the owner's.
pub fn owner(command: &mut Command, keys: &Credentials) {
    command.env("AWS_ACCESS_KEY_ID", &keys.access_key);
    command.env("AWS_SECRET_ACCESS_KEY", keys.secret_key.expose());
}

/// Runs it to its end. Nothing it prints may hold a secret.
pub fn run(mut command: Command) -> Ended {
    let output = {
        let makes = |argument: &OsStr| argument == "setup" || argument == "teardown";
        let alone = command.get_args().any(makes);
        let _alone = alone.then(|| TOPICS.lock().unwrap_or_else(PoisonError::into_inner));
        command.output().unwrap()
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = Ended {
        code: output.status.code().expect("it ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    let printed = format!("{}{}", ended.stdout, ended.stderr);
    for (name, value) in command.get_envs() {
        let is_secret = ["SECRET", "PASSWORD", "PSEUDONYM"]
            .iter()
            .any(|word| name.to_string_lossy().contains(word));
        if let Some(value) = value.filter(|value| is_secret && !value.is_empty()) {
            assert!(!printed.contains(&*value.to_string_lossy()), "{printed}");
        }
    }
    println!("{printed}");
    ended
}

/// Runs a command that must succeed, and gives what it prints.
pub fn works(gateway: &Gateway, bucket: &str, arguments: &[&str]) -> String {
    let ended = run(xray(gateway, bucket, arguments));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout
}

/// Runs a command that must fail with one line, and gives that.
pub fn fails(command: Command) -> String {
    let ended = run(command);
    assert_eq!(ended.code, 1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [line] = lines[..] else {
        panic!("one line: {}", ended.stderr)
    };
    line.to_owned()
}

/// The function, serving.
pub struct Function {
    process: HostProcess,
    /// `http://127.0.0.1:PORT/`, for a topic to push to.
    pub address: String,
    _logs: tempfile::TempDir,
}

impl Function {
    /// `xray up` with these further arguments, on this address, `127.0.0.1:0` for any.
    pub fn start(gateway: &Gateway, bucket: &str, listen: &str, arguments: &[&str]) -> Self {
        Self::run(
            xray(gateway, bucket, &["up", "--listen", listen]),
            arguments,
        )
    }

    /// The same with a command that is begun already.
    pub fn run(mut command: Command, arguments: &[&str]) -> Self {
        let logs = tempfile::tempdir().unwrap();
        command.args(["--nn", "embedded", "--state-dir"]);
        // Shared, so that the function is compiled once for all tests.
        command.arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
        command.arg("--log-dir").arg(logs.path()).args(arguments);
        let process = HostProcess::start(command);
        let address = format!("{}/", process.url());
        Self {
            process,
            address,
            _logs: logs,
        }
    }

    /// What it has printed so far: a report line for each object, among others.
    pub fn printed(&self) -> String {
        self.process.printed()
    }

    /// Its reports so far.
    pub fn reports(&self) -> Vec<Value> {
        let printed = self.printed();
        printed
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("[xray] ")?).ok())
            .collect()
    }
}
