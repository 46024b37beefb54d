//! A real Ceph, one for all tests of this binary.

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

use crate::{
    common::{missing, root},
    function::until,
};

/// A running radosgw with its monitor and OSD. Tests share it, and so use buckets and topics of their own.
pub struct Gateway {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// The same over TLS, with a certificate by the authority in `ca.crt` of its folder.
    pub tls_endpoint: String,
    /// The keys of the user `owner`, who makes buckets and topics.
    pub owner: Credentials,
    /// The keys of the user `function`, which the function runs as. It owns nothing.
    pub function: Credentials,
    /// As `radosgw-admin --version` has it, for tables of results.
    pub version: String,
    /// Where its configuration and logs are; `radosgw-admin -c DIR/ceph.conf -n client.rgw.a` works on it.
    pub dir: PathBuf,
    // The script ends Ceph when its input closes, and so when this process ends, however it does.
    _script: (Child, ChildStdin),
}

/// Held while a topic is made or removed: of two at the same time a gateway before Ceph 19 may lose one.
pub static TOPICS: Mutex<()> = Mutex::new(());

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
    fn start(version: String) -> Self {
        // Statics are not dropped, so the folder is in the build's own, and made new every time.
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ceph");
        _ = fs::remove_dir_all(&dir);
        // Held together, so that they differ.
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
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

    /// Whether it is older than this release of Ceph.
    pub fn is_before(&self, major: u32) -> bool {
        let number = self.version.split(' ').nth(2);
        let own = number.and_then(|text| text.split('.').next()?.parse::<u32>().ok());
        own.expect("`ceph version N.N.N …`") < major
    }

    /// Whether radosgw is built without Kafka, as Debian's is: then it does not link the client.
    pub fn is_without_kafka(&self) -> bool {
        let script = "ldd \"$(command -v radosgw)\"";
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("rdkafka")
    }

    /// What radosgw has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log/client.rgw.a.log")).unwrap()
    }

    /// A client of the owner of everything.
    pub fn owner(&self) -> Client {
        self.client(&self.owner)
    }

    /// A client of the function's user, which may do only what a bucket's policy allows it.
    pub fn function(&self) -> Client {
        self.client(&self.function)
    }

    /// An action of the owner's on topics, one at a time; it must succeed.
    pub fn topic_action(&self, parameters: &[(&str, &str)]) {
        tokio::task::block_in_place(|| {
            let _alone = TOPICS.lock().unwrap_or_else(PoisonError::into_inner);
            let owner = self.owner();
            let action = Sns { parameters };
            let runtime = tokio::runtime::Handle::current();
            runtime.block_on(owner.send(&action)).unwrap();
        });
    }

    /// A new user of a tenant, whose buckets and topics are apart from everybody else's.
    pub fn user_of_tenant(&self, tenant: &str, user: &str) -> Credentials {
        let mut command = Command::new("radosgw-admin");
        command.args(["-n", "client.rgw.a", "-c"]);
        command.arg(self.dir.join("ceph.conf"));
        command.args(["user", "create", "--tenant", tenant, "--uid", user]);
        command.args(["--display-name", user]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        credentials(std::str::from_utf8(&output.stdout).unwrap())
    }

    /// A client with these keys.
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

/// A further radosgw on the same store, for as long as it is held.
pub struct SecondGateway {
    pub endpoint: String,
    process: Child,
}

impl SecondGateway {
    /// One with this option, as `--rgw-dns-name=` would be.
    pub async fn start(gateway: &Gateway, option: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = port.unwrap().to_string();
        // Should the test be killed, the kernel ends it.
        let mut command = Command::new("setpriv");
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

/// Whether a write to standard error may be refused for want of room, which whoever shares it can bring about (proc(5), `fdinfo`).
fn is_non_blocking() -> bool {
    const O_NONBLOCK: u32 = 0o4000;
    let info = fs::read_to_string("/proc/self/fdinfo/2").unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.map(|text| u32::from_str_radix(text.trim(), 8).unwrap());
    flags.is_some_and(|flags| flags & O_NONBLOCK != 0)
}

/// The keys in what `radosgw-admin user create` printed into a file.
fn keys(dir: &Path, user: &str) -> Credentials {
    credentials(&fs::read_to_string(dir.join(format!("{user}.json"))).unwrap())
}

fn credentials(text: &str) -> Credentials {
    let user: Value = serde_json::from_str(text).unwrap();
    let key = |name: &str| user["keys"][0][name].as_str().unwrap().to_owned();
    Credentials::new(key("access_key"), key("secret_key"))
}
