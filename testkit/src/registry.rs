//! A container registry for one test: distribution, on a free port of loopback.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;

use crate::{missing, process::collect, root};

/// `nurse` with the password `s3cret`.
const USERS: &str = "nurse:$2b$04$bixT1bEs06oN06PhEJACSudbwJmsfd33Y/L33B9K3c.3qOcPLVvlu\n";

/// The same credentials in base64, as a client sends them.
pub const NURSE: &str = "bnVyc2U6czNjcmV0";

/// A running registry, which ends with the test.
pub struct Server {
    dir: TempDir,
    process: Child,
    // The shell ends the registry when this closes.
    stdin: Option<ChildStdin>,
    address: SocketAddr,
    is_secure: bool,
    requests: Arc<Mutex<String>>,
}

/// Requirements of a registry.
#[derive(Default, Clone, Copy)]
pub struct Wants {
    /// TLS, with a certificate for `localhost` from its own authority.
    pub tls: bool,
    /// A user and a password.
    pub user: bool,
}

impl Server {
    /// Starts a registry; `None`, reported as missing, if it can't be started here.
    pub fn start(wants: Wants) -> Option<Self> {
        let fetched = Command::new(root().join("tests/registry/fetch")).output();
        let Some(fetched) = fetched.ok().filter(|output| output.status.success()) else {
            missing(
                "a registry",
                "run tests/registry/fetch with Go 1.26 installed",
            );
            return None;
        };
        let binary = String::from_utf8(fetched.stdout).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp:\n  addr: 127.0.0.1:0\n",
            path("data")
        );
        if wants.tls {
            if !certificates(dir.path()) {
                missing("openssl", "install it");
                return None;
            }
            config += &format!(
                "  tls: {{ certificate: {}, key: {} }}\n",
                path("server.crt"),
                path("server.key")
            );
        }
        if wants.user {
            std::fs::write(path("users"), USERS).unwrap();
            config += &format!(
                "auth: {{ htpasswd: {{ realm: test, path: {} }} }}\n",
                path("users")
            );
        }
        std::fs::write(path("config.yml"), config).unwrap();
        std::fs::create_dir(path("home")).unwrap();
        let script = "\"$0\" serve \"$1\" & cat > /dev/null; kill -9 $!";
        let mut process = Command::new("sh")
            .args(["-c", script, binary.trim(), &path("config.yml")])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take();
        let requests = Arc::new(Mutex::new(String::new()));
        collect(process.stdout.take().unwrap(), requests.clone());
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let address = address(&mut log);
        collect(log, Arc::default());
        Some(Self {
            dir,
            process,
            stdin,
            address,
            is_secure: wants.tls,
            requests,
        })
    }

    /// Returns the reference of an image in it.
    pub fn reference(&self, image: &str) -> String {
        let host = if self.is_secure {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{host}:{}/{image}", self.address.port())
    }

    /// Returns the flags that every command needs to reach it.
    pub fn flags(&self) -> &'static [&'static str] {
        if self.is_secure { &[] } else { &["--insecure"] }
    }

    /// Returns the home of its user, with configuration and cache.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Returns the certificate of its authority.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// Returns the file that holds a content.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.dir.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// Reads an image's manifest.
    pub fn manifest(&self, digest: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.blob(digest)).unwrap()).unwrap()
    }

    /// Counts the requests whose log line contains this.
    pub fn requests(&self, part: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.lines().filter(|line| line.contains(part)).count()
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.stdin = None;
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads the address from the log line about listening.
fn address(log: &mut impl BufRead) -> SocketAddr {
    let mut all = String::new();
    loop {
        let begin = all.len();
        assert_ne!(log.read_line(&mut all).unwrap(), 0, "no registry: {all}");
        if let Some((_, rest)) = all[begin..].split_once("listening on ") {
            let end = rest.find(['"', ',']).unwrap();
            return rest[..end].parse().unwrap();
        }
    }
}

/// Creates an authority, and its certificate for `localhost`.
fn certificates(dir: &Path) -> bool {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=xray-test-ca -keyout ca.key -out ca.crt &&
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr &&
        printf 'subjectAltName=DNS:localhost' > server.ext &&
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out server.crt -extfile server.ext";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .output();
    made.is_ok_and(|output| output.status.success())
}
