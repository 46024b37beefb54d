//! A real broker, one for all tests of a suite.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};

use crate::{missing, root, wait::until};

/// Apache Kafka on loopback.
pub struct Broker {
    /// The plain listener.
    pub plain: String,
    /// The listener with SASL and TLS.
    pub tls: String,
    /// The listener with TLS that requires a client certificate: `app.crt` and `app.key`.
    pub certificate: String,
    /// The listener with access tokens, without TLS. `issuer.key` signs them.
    pub oauth: String,
    /// Its folder, which holds the authority's certificate, `ca.crt`.
    pub dir: PathBuf,
    ports: [u16; 5],
    process: Child,
    // The script ends the broker when this closes, and so whenever this process ends.
    stdin: Option<ChildStdin>,
}

static BROKER: OnceLock<Option<Mutex<Broker>>> = OnceLock::new();

/// Returns the broker, started by the first test that asks and used by one test at a time, since
/// the machine may be small. Its data are in `dir`, which is emptied first.
///
/// `None`, reported as missing, if it can't be started here.
pub async fn broker(dir: &str) -> Option<MutexGuard<'static, Broker>> {
    let broker = BROKER.get_or_init(|| is_possible().then(|| Mutex::new(Broker::new(dir.into()))));
    let broker = broker.as_ref()?;
    Some(broker.lock().await)
}

fn is_possible() -> bool {
    let runs = |name: &str, argument: &str| {
        let command = Command::new(name).arg(argument).output();
        command.is_ok_and(|output| output.status.success())
    };
    if !runs("java", "-version") || !runs("openssl", "version") {
        missing(
            "Java 17 or openssl",
            "install openjdk-17-jre-headless and openssl",
        );
        return false;
    }
    let fetched = Command::new(root().join("tests/kafka/fetch")).output();
    let is_there = fetched.is_ok_and(|output| output.status.success());
    if !is_there {
        missing(
            "Apache Kafka's jars",
            "run tests/kafka/fetch with maven installed",
        );
    }
    is_there && crate::function_is_built()
}

impl Broker {
    fn new(dir: PathBuf) -> Self {
        // Statics are not dropped, so what an earlier run left is removed here.
        _ = fs::remove_dir_all(&dir);
        // Held at the same time, so that they differ.
        let listeners = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        let (process, stdin) = run(&dir, ports);
        let broker = Self {
            plain: format!("127.0.0.1:{}", ports[0]),
            tls: format!("localhost:{}", ports[2]),
            certificate: format!("localhost:{}", ports[3]),
            oauth: format!("localhost:{}", ports[4]),
            dir,
            ports,
            process,
            stdin: Some(stdin),
        };
        broker.until_up();
        broker
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        self.stdin = None;
        self.process.wait().unwrap();
        let address = self.plain.clone();
        until("the broker is down", || {
            TcpStream::connect(&address).is_err()
        });
    }

    /// Starts it again on its own data and ports.
    pub fn restart(&mut self) {
        let (process, stdin) = run(&self.dir, self.ports);
        (self.process, self.stdin) = (process, Some(stdin));
        self.until_up();
    }

    fn until_up(&self) {
        let log = self.dir.join("broker.log");
        let is_up = || TcpStream::connect(&self.plain).is_ok();
        let begun = std::time::Instant::now();
        while !is_up() {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "no broker: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn run(dir: &PathBuf, ports: [u16; 5]) -> (Child, ChildStdin) {
    let mut command = Command::new(root().join("tests/kafka/broker"));
    command.arg(dir).args(ports.map(|port| port.to_string()));
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = process.stdin.take().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(!line.is_empty(), "the broker's data could not be made");
    (process, stdin)
}
