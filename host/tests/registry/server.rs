//! A registry of a test's own: distribution, on a free port of loopback.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;

use crate::common::{missing, root};

/// `nurse` with the password `s3cret`.
const USERS: &str = "nurse:$2b$04$bixT1bEs06oN06PhEJACSudbwJmsfd33Y/L33B9K3c.3qOcPLVvlu\n";

/// The same for a client, in base64.
pub const NURSE: &str = "bnVyc2U6czNjcmV0";

/// A running registry. It ends with the test, however that ends.
pub struct Server {
    dir: TempDir,
    process: Child,
    // The shell ends the registry when this closes.
    stdin: Option<ChildStdin>,
    address: SocketAddr,
    is_secure: bool,
    requests: Arc<Mutex<String>>,
}

/// What a registry asks for.
#[derive(Default, Clone, Copy)]
pub struct Wants {
    /// TLS, with a certificate for `localhost` from an authority of its own.
    pub tls: bool,
    /// A user and a password.
    pub user: bool,
}

impl Server {
    /// Starts one; `None`, and a line that says why, where that is not possible.
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

    /// A reference to an image in it.
    pub fn reference(&self, image: &str) -> String {
        let host = if self.is_secure {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{host}:{}/{image}", self.address.port())
    }

    /// What every command needs to talk to it.
    pub fn flags(&self) -> &'static [&'static str] {
        if self.is_secure { &[] } else { &["--insecure"] }
    }

    /// The home of the user who talks to it: configuration and cache.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// The certificate of its authority.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// The file in which it keeps a content.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.dir.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// An image's manifest.
    pub fn manifest(&self, digest: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.blob(digest)).unwrap()).unwrap()
    }

    /// How many requests have had this in their line.
    pub fn requests(&self, part: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.lines().filter(|line| line.contains(part)).count()
    }

    /// Ends it.
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

/// The address in the line that says where it listens.
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

fn collect(from: impl Read + Send + 'static, to: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut all = to.lock().unwrap();
            all.push_str(&line);
            all.push('\n');
        }
    });
}

/// An authority, and a certificate of it for `localhost`.
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
