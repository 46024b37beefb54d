//! Topics: the destinations of notifications.
//!
//! A queue hands notifications to its receiver, such as a Kafka producer; the other kinds push over
//! HTTP. A persistent topic is a queue: the uploader never waits for it, and a failed delivery is
//! retried. A direct topic pushes once while the uploader waits; a failed delivery is lost although
//! the upload succeeds. The gateway retries hundreds of times a second without end; this queue
//! backs off and gives up, so that a demo ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use tokio::sync::{Semaphore, mpsc};

use super::Event;
use s3::Transport;

/// Retries of a persistent topic.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts before giving up, the first included.
    pub attempts: u32,
    /// Pause after the first failure; it doubles with every further one.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Time after which an attempt has failed.
    pub timeout: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 8,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
        }
    }
}

/// A finished delivery.
#[derive(Debug)]
pub struct Delivery {
    /// Kind of the change.
    pub event: Event,
    /// Bucket of the object.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// Number of attempts.
    pub attempts: u32,
    /// Last response, or the reason why none arrived.
    pub response: anyhow::Result<Response<Bytes>>,
    /// Time from publishing to the end of the last attempt.
    pub took: Duration,
}

impl Delivery {
    /// Reports whether the receiver accepted it.
    pub fn is_accepted(&self) -> bool {
        is_accepted(&self.response)
    }
}

fn is_accepted(response: &anyhow::Result<Response<Bytes>>) -> bool {
    response
        .as_ref()
        .is_ok_and(|response| response.status().is_success())
}

/// A topic; clones are the same topic.
#[derive(Debug, Clone)]
pub struct Topic(Mode);

#[derive(Debug, Clone)]
enum Mode {
    Queue(mpsc::UnboundedSender<Notice>),
    Direct(Arc<Push>),
}

#[derive(Debug)]
struct Push {
    url: Uri,
    transport: Transport,
    retry: Retry,
    finished: Option<mpsc::UnboundedSender<Delivery>>,
}

/// A published notification.
#[derive(Debug)]
pub struct Notice {
    /// Kind of the change.
    pub event: Event,
    /// Bucket of the object.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// The notification as JSON.
    pub body: Bytes,
    /// Time of its publication.
    pub published: Instant,
}

impl Notice {
    /// Ends its delivery.
    pub fn finish(self, attempts: u32, response: anyhow::Result<Response<Bytes>>) -> Delivery {
        Delivery {
            event: self.event,
            bucket: self.bucket,
            key: self.key,
            attempts,
            response,
            took: self.published.elapsed(),
        }
    }
}

impl Topic {
    /// Makes a queue whose receiver delivers.
    pub fn queue(queue: mpsc::UnboundedSender<Notice>) -> Self {
        Self(Mode::Queue(queue))
    }

    /// Makes a queue that pushes to `url`, at most `concurrency` notifications at a time, and sends
    /// each finished delivery to `finished`.
    ///
    /// Must be called within a Tokio runtime. The queue lives until the last clone and the last
    /// notice are dropped.
    pub fn persistent(
        url: Uri,
        transport: Transport,
        concurrency: usize,
        retry: Retry,
        finished: Option<mpsc::UnboundedSender<Delivery>>,
    ) -> Self {
        let (queue, mut notices) = mpsc::unbounded_channel::<Notice>();
        let push = Arc::new(Push {
            url,
            transport,
            retry,
            finished,
        });
        let slots = Arc::new(Semaphore::new(concurrency.max(1)));
        tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                let slot = slots.clone().acquire_owned().await;
                let push = push.clone();
                tokio::spawn(async move {
                    push.deliver(notice).await;
                    drop(slot);
                });
            }
        });
        Self::queue(queue)
    }

    /// Makes a topic that pushes each notification once while the uploader waits.
    pub fn direct(
        url: Uri,
        transport: Transport,
        timeout: Duration,
        finished: Option<mpsc::UnboundedSender<Delivery>>,
    ) -> Self {
        let retry = Retry {
            attempts: 1,
            timeout,
            ..Retry::default()
        };
        Self(Mode::Direct(Arc::new(Push {
            url,
            transport,
            retry,
            finished,
        })))
    }

    /// Publishes a notification: a queue or persistent topic returns at once, a direct one after
    /// the push.
    pub async fn publish(&self, event: Event, bucket: String, key: String, body: Bytes) {
        let notice = Notice {
            event,
            bucket,
            key,
            body,
            published: Instant::now(),
        };
        match &self.0 {
            // The queue is closed only when the runtime shuts down, and then nobody is left to be
            // told.
            Mode::Queue(queue) => drop(queue.send(notice)),
            Mode::Direct(push) => push.deliver(notice).await,
        }
    }
}

impl Push {
    async fn deliver(&self, notice: Notice) {
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(self.retry.first_pause)
            .with_max_delay(self.retry.longest_pause)
            .with_max_times(self.retry.attempts.saturating_sub(1) as usize)
            .build();
        let mut attempts = 0;
        let response = loop {
            attempts += 1;
            let response = self.push(&notice.body).await;
            match pauses.next() {
                Some(pause) if !is_accepted(&response) => tokio::time::sleep(pause).await,
                _ => break response,
            }
        };
        if let Some(finished) = &self.finished {
            // Delivery continues although the receiver of these notices is gone.
            let _ = finished.send(notice.finish(attempts, response));
        }
    }

    async fn push(&self, body: &Bytes) -> anyhow::Result<Response<Bytes>> {
        let request = Request::post(self.url.clone())
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(body.clone())?;
        match tokio::time::timeout(self.retry.timeout, self.transport.send(request)).await {
            Ok(response) => Ok(response?),
            Err(_) => anyhow::bail!("no response within {:?}", self.retry.timeout),
        }
    }
}
