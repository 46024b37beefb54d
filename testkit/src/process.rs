//! The host as a process, with everything that it prints.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use crate::wait::until;

/// A running process of the host, or of another program that serves as `spin up` does. It is killed
/// when the test ends or fails.
pub struct HostProcess {
    child: Child,
    printed: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl HostProcess {
    /// Starts the command, and returns when it serves.
    ///
    /// # Panics
    /// If the process ends before, with everything that it printed.
    pub fn start(command: Command) -> Self {
        let mut process = Self::spawn(command);
        if let Err(printed) = process.until_serving() {
            panic!("the host does not serve: {printed}");
        }
        process
    }

    /// Starts the command without waiting for it to serve.
    pub fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            collect(child.stdout.take().unwrap(), printed.clone()),
            collect(child.stderr.take().unwrap(), printed.clone()),
        ];
        Self {
            child,
            printed,
            readers,
        }
    }

    /// Waits until the process serves, and returns its URL.
    ///
    /// # Errors
    /// Everything that the process printed, if it ends before.
    pub fn until_serving(&mut self) -> Result<String, String> {
        let mut has_ended = false;
        until("the host serves or ends", || {
            has_ended = self.child.try_wait().unwrap().is_some();
            has_ended || self.find_url().is_some()
        });
        if has_ended {
            self.join();
        }
        self.find_url().ok_or_else(|| self.printed())
    }

    fn find_url(&self) -> Option<String> {
        let printed = self.printed();
        let line = printed
            .lines()
            .find_map(|line| line.strip_prefix("Serving "));
        line.map(|url| url.trim().to_owned())
    }

    /// Returns the URL that it serves, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.find_url().expect("the host serves")
    }

    /// Returns the address that it serves.
    pub fn address(&self) -> SocketAddr {
        let url = self.url();
        url.trim_start_matches("http://").parse().unwrap()
    }

    /// Waits for the address of its metrics, as `--metrics` prints it.
    pub fn metrics_address(&self) -> SocketAddr {
        let find = || {
            let text = self.printed();
            let rest = text.split("Metrics at http://").nth(1)?;
            let (address, _) = rest.split_once('/')?;
            address.parse().ok()
        };
        until("the metrics are served", || find().is_some());
        find().unwrap()
    }

    /// Returns everything that it has printed so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Waits until it has printed this text.
    ///
    /// # Panics
    /// If the process ends before, with everything that it printed.
    pub fn until_printed(&self, text: &str) {
        until(text, || {
            self.printed().contains(text) || self.readers.iter().all(JoinHandle::is_finished)
        });
        let printed = self.printed();
        assert!(printed.contains(text), "{text} is not printed: {printed}");
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reports whether it has ended by now, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal by the name that `kill` knows, such as `-TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends and has printed everything.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.join();
        (status, self.printed())
    }

    /// Asks it to end with SIGTERM, and waits as [`HostProcess::wait`] does.
    pub fn end(&mut self) -> (ExitStatus, String) {
        self.signal("-TERM");
        self.wait()
    }

    /// Waits until nobody holds the other end of its output any more: neither it nor its children.
    fn join(&mut self) {
        until("nobody holds the output", || {
            self.readers.iter().all(JoinHandle::is_finished)
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // Without a panic: while another one unwinds, it would end the whole suite without a
        // result.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Appends lines to a text until the stream ends, in the background. `XRAY_SHOW` shows them too.
pub fn collect(stream: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if std::env::var_os("XRAY_SHOW").is_some() {
                eprintln!("{line}");
            }
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    })
}
