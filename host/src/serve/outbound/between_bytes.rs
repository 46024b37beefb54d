//! A body that fails if its sender pauses for too long.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error;

/// Wraps a body and limits the pause between two frames.
pub struct BetweenBytes<B> {
    body: Pin<Box<B>>,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl<B> BetweenBytes<B> {
    /// Wraps a body. The first pause begins now.
    pub fn new(body: B, limit: Duration) -> Self {
        Self {
            body: Box::pin(body),
            limit,
            timer: Box::pin(sleep(limit)),
        }
    }
}

impl<B: Body<Data = Bytes, Error = Error>> Body for BetweenBytes<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) {
            let next = Instant::now() + self.limit;
            self.timer.as_mut().reset(next);
            return Poll::Ready(frame);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
