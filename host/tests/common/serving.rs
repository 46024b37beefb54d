//! A process of the program that serves, and what it prints.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

/// A running `xray up`. It is ended when a test fails.
pub struct Serving {
    pub process: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    printed: Arc<Mutex<String>>,
}

impl Serving {
    /// Starts it, and returns when it has said where it serves.
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        collect(process.stderr.take().unwrap(), printed.clone());
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("Serving ") else {
            process.wait().unwrap();
            let printed = printed.lock().unwrap().clone();
            panic!("{line:?}: {printed}");
        };
        let url = url.to_owned();
        collect(stdout, printed.clone());
        Self {
            process,
            url,
            printed,
        }
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Kills it without a word.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Without a panic, which while another unwinds would end the whole suite without a result.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Reads lines into the text until the stream ends, in the background.
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
