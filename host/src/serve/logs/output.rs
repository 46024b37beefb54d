//! A guest's standard output and error as WASI streams, split into lines.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::{Logs, Stream, report};
use crate::serve::traces::Scope;

/// Maximum length of a line. Longer ones are split, so that a guest that never ends a line can't
/// fill the host's memory.
const MAX_LINE: usize = 64 << 10;
/// Number of bytes that a guest may write at once.
const CHUNK: usize = 64 << 10;

/// An output stream of one instance. Clones share the unfinished line.
#[derive(Clone)]
pub struct GuestOutput(Arc<Lines>);

struct Lines {
    logs: Arc<Logs>,
    stream: Stream,
    /// Trace of the instance, which has the steps of its reports.
    scope: Option<Scope>,
    unfinished: Mutex<Vec<u8>>,
}

impl GuestOutput {
    /// Creates a stream that writes to these logs, and reports to a trace.
    pub fn new(logs: Arc<Logs>, stream: Stream, scope: Option<Scope>) -> Self {
        Self(Arc::new(Lines {
            logs,
            stream,
            scope,
            unfinished: Mutex::default(),
        }))
    }
}

impl Lines {
    fn push(&self, bytes: &[u8]) {
        let mut unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            unfinished.extend_from_slice(part);
            if part.ends_with(b"\n") || unfinished.len() >= MAX_LINE {
                self.emit(&unfinished);
                unfinished.clear();
            }
        }
    }

    fn emit(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\n', '\r']);
        self.logs.line(self.stream, line);
        if let Some(scope) = &self.scope
            && let Some(report) = report(self.stream, line)
        {
            scope.report(&report);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let unfinished = std::mem::take(
            self.unfinished
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if !unfinished.is_empty() {
            self.emit(&unfinished);
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

#[async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_split_into_lines() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let listener: crate::serve::logs::Listener =
            Arc::new(move |stream, line| sink.lock().unwrap().push((stream, line.to_owned())));
        let dir = tempfile::tempdir().unwrap();
        let logs =
            Arc::new(Logs::open("my/app", Some(dir.path()), false, true, vec![listener]).unwrap());
        let output = GuestOutput::new(logs, Stream::Stdout, None);
        for part in ["one", "\ntwo\r\n\nthr", "ee"] {
            output.0.push(part.as_bytes());
        }
        drop(output);
        let lines: Vec<_> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|(_, line)| line.clone())
            .collect();
        assert_eq!(lines, ["one", "two", "", "three"]);
        let file = std::fs::read_to_string(dir.path().join("my-app_stdout.txt")).unwrap();
        assert_eq!(file, "one\ntwo\n\nthree\n");
    }

    #[test]
    fn endless_line_is_split() {
        let count = Arc::new(Mutex::new(0));
        let sink = count.clone();
        let listener: crate::serve::logs::Listener =
            Arc::new(move |_, _| *sink.lock().unwrap() += 1);
        let logs = Arc::new(Logs::open("a", None, false, true, vec![listener]).unwrap());
        let output = GuestOutput::new(logs, Stream::Stderr, None);
        for _ in 0..3 {
            output.0.push(&[b'x'; MAX_LINE]);
        }
        assert_eq!(*count.lock().unwrap(), 3);
    }
}
