//! Where notifications go, and how hard the store tries.
//!
//! A queue hands notifications to whoever has its other end, such as a producer of Kafka. The other two push over HTTP.
//! A persistent topic is a queue: the uploader never waits for it, and a delivery that fails comes again. A direct
//! one pushes once while the uploader waits, and a delivery that fails is gone, though the upload succeeds. Unlike
//! the gateway, which retries hundreds of times a second without end, this queue backs off and gives up, so that a
//! demo ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use tokio::sync::{Semaphore, mpsc};

use super::Event;
use s3::Transport;

/// How often and how fast a persistent topic tries again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Deliveries tried before giving up, the first included.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long one delivery may take before it counts as failed.
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

/// How the delivery of one notification ended.
#[derive(Debug)]
pub struct Delivery {
    /// What it was about.
    pub event: Event,
    /// The bucket of the object.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// How often it was sent.
    pub attempts: u32,
    /// The last answer, or why there was none.
    pub answer: anyhow::Result<Response<Bytes>>,
    /// From publishing to this end.
    pub took: Duration,
}

impl Delivery {
    /// Whether the receiver took it.
    pub fn is_accepted(&self) -> bool {
        self.answer
            .as_ref()
            .is_ok_and(|answer| answer.status().is_success())
    }
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
    ended: Option<mpsc::UnboundedSender<Delivery>>,
}

/// A notification on its way.
#[derive(Debug)]
pub struct Notice {
    /// What it is about.
    pub event: Event,
    /// The bucket of the object.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The notification as JSON.
    pub body: Bytes,
    /// When the store published it.
    pub published: Instant,
}

impl Notice {
    /// How its delivery ended.
    pub fn ended(self, attempts: u32, answer: anyhow::Result<Response<Bytes>>) -> Delivery {
        Delivery {
            event: self.event,
            bucket: self.bucket,
            key: self.key,
            attempts,
            answer,
            took: self.published.elapsed(),
        }
    }
}

impl Topic {
    /// A queue; the receiver delivers.
    pub fn queue(queue: mpsc::UnboundedSender<Notice>) -> Self {
        Self(Mode::Queue(queue))
    }

    /// A queue that pushes to `url`, at most `concurrency` notifications at a time, and tells `ended` how each ended.
    ///
    /// Must be called within a Tokio runtime; the queue lives until the last clone and the last notice are gone.
    pub fn persistent(
        url: Uri,
        transport: Transport,
        concurrency: usize,
        retry: Retry,
        ended: Option<mpsc::UnboundedSender<Delivery>>,
    ) -> Self {
        let (queue, mut notices) = mpsc::unbounded_channel::<Notice>();
        let push = Arc::new(Push {
            url,
            transport,
            retry,
            ended,
        });
        let slots = Arc::new(Semaphore::new(concurrency.max(1)));
        tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                let slot = slots.clone().acquire_owned().await;
                let push = push.clone();
                tokio::spawn(async move {
                    push.until_taken(notice).await;
                    drop(slot);
                });
            }
        });
        Self::queue(queue)
    }

    /// One push per notification, while the uploader waits.
    pub fn direct(
        url: Uri,
        transport: Transport,
        timeout: Duration,
        ended: Option<mpsc::UnboundedSender<Delivery>>,
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
            ended,
        })))
    }

    /// Takes a notification; returns at once from a queue or a persistent topic, after the push from a direct one.
    pub async fn publish(&self, event: Event, bucket: String, key: String, body: Bytes) {
        let notice = Notice {
            event,
            bucket,
            key,
            body,
            published: Instant::now(),
        };
        match &self.0 {
            // The queue is only gone when the runtime is going down, and then nobody is left to be told.
            Mode::Queue(queue) => drop(queue.send(notice)),
            Mode::Direct(push) => push.until_taken(notice).await,
        }
    }
}

impl Push {
    async fn until_taken(&self, notice: Notice) {
        let mut pause = self.retry.first_pause;
        let mut attempts = 0;
        let answer = loop {
            attempts += 1;
            let answer = self.once(&notice.body).await;
            let taken = answer
                .as_ref()
                .is_ok_and(|answer| answer.status().is_success());
            if taken || attempts >= self.retry.attempts {
                break answer;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.retry.longest_pause);
        };
        if let Some(ended) = &self.ended {
            // Nobody listening any more is no reason to stop delivering.
            let _ = ended.send(notice.ended(attempts, answer));
        }
    }

    async fn once(&self, body: &Bytes) -> anyhow::Result<Response<Bytes>> {
        let request = Request::post(self.url.clone())
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(body.clone())?;
        match tokio::time::timeout(self.retry.timeout, self.transport.send(request)).await {
            Ok(answer) => answer,
            Err(_) => anyhow::bail!("no answer within {:?}", self.retry.timeout),
        }
    }
}
