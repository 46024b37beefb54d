//! A real Ceph, one for all tests of this binary.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use xray_demo::{Client, Credentials, Transport};

use crate::{
    common::{missing, root},
    function::until,
};

/// A running radosgw with its monitor and OSD. Tests share it, and so use buckets and topics of their own.
pub struct Gateway {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// The keys of the user who makes buckets and topics.
    pub owner: Credentials,
    /// The keys of the user that the function runs as. It owns nothing.
    pub function: Credentials,
    /// Where its configuration and logs are; `radosgw-admin -c DIR/ceph.conf -n client.rgw.a` works on it.
    pub dir: PathBuf,
    // The script ends Ceph when its input closes, and so when this process ends, however it does.
    _script: (Child, ChildStdin),
}

static GATEWAY: OnceLock<Option<Gateway>> = OnceLock::new();

/// The gateway, started by the first test that asks; `None`, and said so, where Ceph is not installed.
pub async fn gateway() -> Option<&'static Gateway> {
    let start = || GATEWAY.get_or_init(|| version().map(Gateway::start));
    tokio::task::spawn_blocking(start).await.unwrap().as_ref()
}

fn version() -> Option<String> {
    let says = |name: &str| {
        let output = Command::new(name).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let programs = ["ceph-mon", "ceph-osd", "radosgw"];
    if programs.iter().any(|name| says(name).is_none()) {
        missing(
            "Ceph's gateway",
            "install radosgw, ceph-mon and ceph-osd (Debian: apt-get install --no-install-recommends)",
        );
        return None;
    }
    says("radosgw-admin")
}

impl Gateway {
    fn start(version: String) -> Self {
        // Statics are not dropped, so the folder is in the build's own, and made new every time.
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ceph");
        _ = fs::remove_dir_all(&dir);
        // Held together, so that they differ.
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        let mut command = Command::new(root().join("tests/ceph/gateway"));
        command.arg(&dir).args(ports.map(|port| port.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), "ready", "Ceph did not start");
        println!("{version}");
        Self {
            endpoint: format!("http://127.0.0.1:{}", ports[0]),
            owner: keys(&dir, "owner"),
            function: keys(&dir, "function"),
            dir,
            _script: (process, stdin),
        }
    }

    /// A client of the owner of everything.
    pub fn owner(&self) -> Client {
        self.client(&self.owner)
    }

    /// A client of the function's user, which may do only what a bucket's policy allows it.
    pub fn function(&self) -> Client {
        self.client(&self.function)
    }

    /// A client with these keys.
    pub fn client(&self, credentials: &Credentials) -> Client {
        Client::new(&self.endpoint, credentials.clone(), Transport::http())
    }
}

/// A further radosgw on the same store, for as long as it is held.
pub struct SecondGateway {
    pub endpoint: String,
    process: Child,
}

impl SecondGateway {
    /// One whose key service has no key.
    pub async fn without_kms_keys(gateway: &Gateway) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = port.unwrap().to_string();
        // Should the test be killed, the kernel ends it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "radosgw", "-f", "--no-mon-config"]);
        command.args(["-n", "client.rgw.a", "-c"]);
        command.arg(gateway.dir.join("ceph.conf"));
        command.arg(format!("--rgw-frontends=beast endpoint={address}"));
        command.arg("--rgw-crypt-s3-kms-encryption-keys=");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(Stdio::null()).spawn().unwrap();
        let listens = async || TcpStream::connect(&address).is_ok();
        let second = Self {
            endpoint: format!("http://{address}"),
            process,
        };
        until("the second radosgw listens", listens).await;
        second
    }
}

impl Drop for SecondGateway {
    fn drop(&mut self) {
        // In order: the first one would wait for it whenever a topic or a bucket is made.
        let id = self.process.id().to_string();
        _ = Command::new("kill").args(["-TERM", &id]).status();
        _ = self.process.wait();
    }
}

/// The keys in what `radosgw-admin user create` printed.
fn keys(dir: &Path, user: &str) -> Credentials {
    let text = fs::read_to_string(dir.join(format!("{user}.json"))).unwrap();
    let user: Value = serde_json::from_str(&text).unwrap();
    let key = |name: &str| user["keys"][0][name].as_str().unwrap().to_owned();
    Credentials::new(key("access_key"), key("secret_key"))
}
