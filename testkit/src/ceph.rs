//! A real Ceph, one for all tests of a suite: the one that is installed, or with `XRAY_CEPH=18` or
//! `20` the release that `tests/ceph/fetch` has installed into a folder.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use s3::{Addressing, Client, Credentials, Endpoint, Raw, Sns, Transport};
use serde_json::Value;

use crate::{missing, root, wait::until_async};

/// A running radosgw with its monitor and OSD. Tests share it, so each uses its own buckets and
/// topics.
pub struct Gateway {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// The same over TLS, with a certificate of the authority in `ca.crt` in its folder.
    pub tls_endpoint: String,
    /// Keys of the user `owner`, who creates buckets and topics.
    pub owner: Credentials,
    /// Keys of the user `function`, as which the function runs. It owns nothing.
    pub function: Credentials,
    /// Output of `radosgw-admin --version`, for tables of results.
    pub version: String,
    /// Folder of its configuration and logs; `radosgw-admin -c DIR/ceph.conf -n client.rgw.a` uses
    /// it.
    pub dir: PathBuf,
    // The script ends Ceph when its input closes, and so whenever this process ends.
    _script: (Child, ChildStdin),
}

/// Held while a topic is created or removed: of two concurrent changes a gateway before Ceph 19 may
/// lose one.
pub static TOPICS: Mutex<()> = Mutex::new(());

static GATEWAY: OnceLock<Option<Gateway>> = OnceLock::new();

/// Returns the gateway, started by the first test that asks. Its data are in `dir`, which is
/// emptied first. `None`, reported as missing, if Ceph is not installed.
pub async fn gateway(dir: &'static str) -> Option<&'static Gateway> {
    let start = move || {
        // Beside the folder of another release's gateway, which may run too.
        let dir = match std::env::var("XRAY_CEPH") {
            Ok(release) => format!("{dir}-{release}"),
            Err(_) => dir.to_owned(),
        };
        GATEWAY.get_or_init(|| version().map(|version| Gateway::start(version, dir.into())))
    };
    tokio::task::spawn_blocking(start).await.unwrap().as_ref()
}

/// Returns the folder with the chosen release of Ceph; `None` for the one that is installed.
fn release() -> Option<PathBuf> {
    let release = std::env::var("XRAY_CEPH").ok()?;
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Some(cache?.join("xray").join(format!("ceph-{release}")))
}

/// Returns one of Ceph's programs, which sees the gateway's folder.
fn program(name: &str, dir: &Path) -> Command {
    let Some(root_of_release) = release() else {
        return Command::new(name);
    };
    let mut command = Command::new(root().join("tests/ceph/inside"));
    command.arg(root_of_release).arg(name);
    command.env("XRAY_CEPH_DIR", dir);
    command
}

fn version() -> Option<String> {
    if release().is_some_and(|root| !root.join("usr/bin/radosgw").is_file()) {
        missing(
            "the release of Ceph in XRAY_CEPH",
            "install it with tests/ceph/fetch, as root",
        );
        return None;
    }
    let nowhere = std::env::temp_dir();
    let says = |name: &str| {
        let output = program(name, &nowhere).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let programs = ["ceph-mon", "ceph-osd", "radosgw"];
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    if !has_openssl || programs.iter().any(|name| says(name).is_none()) {
        missing(
            "Ceph's gateway",
            "install radosgw, ceph-mon, ceph-osd and openssl (Debian: apt-get install --no-install-recommends)",
        );
        return None;
    }
    says("radosgw-admin")
}

impl Gateway {
    fn start(version: String, dir: PathBuf) -> Self {
        // Statics are not dropped, so what an earlier run left is removed here.
        _ = fs::remove_dir_all(&dir);
        // Held at the same time, so that they differ.
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        fs::create_dir_all(&dir).unwrap();
        let script = root().join("tests/ceph/gateway");
        let mut command = program(script.to_str().unwrap(), &dir);
        command.arg(&dir).args(ports.map(|port| port.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), "ready", "Ceph did not start");
        assert!(!is_non_blocking(), "Ceph changed this process's output");
        println!("{version}");
        Self {
            endpoint: format!("http://127.0.0.1:{}", ports[0]),
            tls_endpoint: format!("https://127.0.0.1:{}", ports[2]),
            owner: keys(&dir, "owner"),
            function: keys(&dir, "function"),
            version,
            dir,
            _script: (process, stdin),
        }
    }

    /// Reports whether it is older than this release of Ceph.
    pub fn is_before(&self, major: u32) -> bool {
        let number = self.version.split(' ').nth(2);
        let own = number.and_then(|text| text.split('.').next()?.parse::<u32>().ok());
        own.expect("`ceph version N.N.N …`") < major
    }

    /// Reports whether radosgw is built without Kafka, as Debian's is: then it does not link the
    /// client.
    pub fn is_without_kafka(&self) -> bool {
        let script = "ldd \"$(command -v radosgw)\"";
        let output = program("sh", &self.dir).args(["-c", script]).output();
        let output = output.unwrap();
        output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("rdkafka")
    }

    /// Returns radosgw's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log/client.rgw.a.log")).unwrap()
    }

    /// Returns a client of the owner of everything.
    pub fn owner(&self) -> Client {
        self.client(&self.owner)
    }

    /// Returns a client of the function's user, who may do only what a bucket's policy allows.
    pub fn function(&self) -> Client {
        self.client(&self.function)
    }

    /// Sends an action on topics as the owner, one at a time; it must succeed.
    pub fn topic_action(&self, parameters: &[(&str, &str)]) {
        tokio::task::block_in_place(|| {
            let _alone = TOPICS.lock().unwrap_or_else(PoisonError::into_inner);
            let owner = self.owner();
            let action = Sns { parameters };
            let runtime = tokio::runtime::Handle::current();
            runtime.block_on(owner.send(&action)).unwrap();
        });
    }

    /// Creates a user of a tenant, whose buckets and topics are separate from those of others.
    pub fn user_of_tenant(&self, tenant: &str, user: &str) -> Credentials {
        let who = ["--tenant", tenant, "--uid", user, "--display-name", user];
        credentials(&self.admin(&[&["user", "create"], &who[..]].concat()))
    }

    /// Creates an account with a root user and a user that has no rights of its own (Ceph 19 and
    /// later); returns the account's id and the keys of both.
    pub fn account(&self, name: &str) -> (String, Credentials, Credentials) {
        let made = self.admin(&["account", "create", "--account-name", name]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let id = made["id"].as_str().unwrap().to_owned();
        let user = |suffix: &str, more: &[&str]| {
            let uid = format!("{name}-{suffix}");
            let who = ["--uid", &uid, "--display-name", &uid, "--account-id", &id];
            let keys = ["--gen-access-key", "--gen-secret"];
            credentials(&self.admin(&[&["user", "create"], &who[..], &keys, more].concat()))
        };
        let (root, plain) = (user("root", &["--account-root"]), user("user", &[]));
        (id, root, plain)
    }

    /// Runs `radosgw-admin` and returns its output.
    pub fn admin(&self, arguments: &[&str]) -> String {
        let mut command = program("radosgw-admin", &self.dir);
        command.args(["-n", "client.rgw.a", "-c"]);
        command.arg(self.dir.join("ceph.conf")).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns a client with these keys.
    pub fn client(&self, credentials: &Credentials) -> Client {
        let endpoint = Endpoint::parse(&self.endpoint, Addressing::Path).unwrap();
        Client::new(endpoint, credentials.clone(), Transport::http())
    }
}

/// Sends any request and returns the response, whatever its status.
pub async fn raw(
    client: &Client,
    method: Method,
    bucket: &str,
    key: &str,
    query: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Bytes>, s3::Error> {
    let request = Raw {
        method,
        bucket,
        key,
        query,
        headers,
        body,
    };
    client.respond(&request).await
}

/// A further radosgw on the same store, which ends when this is dropped.
pub struct SecondGateway {
    pub endpoint: String,
    process: Child,
}

impl SecondGateway {
    /// Starts one with this option, such as `--rgw-dns-name=`.
    pub async fn start(gateway: &Gateway, option: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = port.unwrap().to_string();
        // The kernel ends it if the test is killed.
        let mut command = program("setpriv", &gateway.dir);
        command.args(["--pdeathsig", "KILL", "radosgw", "-f", "--no-mon-config"]);
        command.args(["-n", "client.rgw.a", "-c"]);
        command.arg(gateway.dir.join("ceph.conf"));
        command.arg(format!("--rgw-frontends=beast endpoint={address}"));
        command.arg(option);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(Stdio::null()).spawn().unwrap();
        let listens = async || TcpStream::connect(&address).is_ok();
        let second = Self {
            endpoint: format!("http://{address}"),
            process,
        };
        until_async("the second radosgw listens", listens).await;
        second
    }
}

impl Drop for SecondGateway {
    fn drop(&mut self) {
        // Gracefully: otherwise the first one waits for it whenever a topic or bucket is created.
        let id = self.process.id().to_string();
        _ = Command::new("kill").args(["-TERM", &id]).status();
        _ = self.process.wait();
    }
}

/// Reports whether standard error is non-blocking, so that a write to it may fail if the reader is
/// slow. Any process that shares it can set that (proc(5), `fdinfo`).
fn is_non_blocking() -> bool {
    const O_NONBLOCK: u32 = 0o4000;
    let info = fs::read_to_string("/proc/self/fdinfo/2").unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.map(|text| u32::from_str_radix(text.trim(), 8).unwrap());
    flags.is_some_and(|flags| flags & O_NONBLOCK != 0)
}

/// Reads the keys from the output of `radosgw-admin user create` in a file.
fn keys(dir: &Path, user: &str) -> Credentials {
    credentials(&fs::read_to_string(dir.join(format!("{user}.json"))).unwrap())
}

fn credentials(text: &str) -> Credentials {
    let user: Value = serde_json::from_str(text).unwrap();
    let key = |name: &str| user["keys"][0][name].as_str().unwrap().to_owned();
    Credentials::new(key("access_key"), key("secret_key"))
}
