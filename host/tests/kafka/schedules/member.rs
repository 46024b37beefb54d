//! A member of the group, as a process.

use std::{
    io::Read,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use kafka_trigger::{
    Backoff, Handler, Options, Record, Response, RetryLimit, Trigger,
    rdkafka::{GroupProtocol, RdKafkaBroker, Settings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{GROUP, judge::CRASHES};

/// Name of the variable with the judge's address, the brokers, the topic, the number of the member,
/// the protocol, and whether there is a retry topic.
const VARIABLE: &str = "XRAY_TEST_MEMBER";

/// Status of a member that is replaced: the broker may take a restarted member for the second one
/// of its name, until it has missed the killed one.
const FENCED: i32 = 3;

/// A running member.
pub struct Member(Child);

impl Member {
    pub fn start(
        judge: &str,
        brokers: &str,
        (topic, retries): (&str, bool),
        number: usize,
        protocol: &str,
    ) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "schedules::member::is_a_process"]);
        command.env(
            VARIABLE,
            format!("{judge} {brokers} {topic} {number} {protocol} {retries}"),
        );
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Lets it finish and leave.
    pub fn end(mut self) {
        self.0.stdin = None;
        let status = self.0.wait().unwrap();
        assert!([Some(0), Some(FENCED)].contains(&status.code()), "{status}");
    }

    /// Reports whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        let status = self.0.try_wait().unwrap();
        status.is_some_and(|status| {
            assert_eq!(status.code(), Some(FENCED));
            true
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Asks the judge.
struct Ask(SocketAddr);

impl Handler for Ask {
    type State = ();

    async fn handle(&self, record: &Record, _: &mut ()) -> Response {
        let value = record.value.as_deref().unwrap_or_default();
        let ask = async || {
            let mut stream = TcpStream::connect(self.0).await?;
            stream.write_all(value).await?;
            stream.shutdown().await?;
            stream.read_u16().await
        };
        let status = ask().await;
        Response::from_status(status.unwrap_or(503))
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process of the schedules"]
async fn is_a_process() {
    let Ok(text) = std::env::var(VARIABLE) else {
        return;
    };
    let [judge, brokers, topic, number, protocol, retries] =
        text.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let settings = Settings {
        member: Some(format!("member-{number}")),
        session_timeout: Duration::from_secs(2),
        fetch_wait: Duration::from_millis(50),
        protocol: match protocol {
            "consumer" => GroupProtocol::Consumer,
            _ => GroupProtocol::Classic,
        },
        retry_topic: (retries == "true").then(|| format!("{topic}-retries")),
        ..Settings::new(
            brokers,
            GROUP,
            vec![topic.into()],
            format!("{topic}-dead-letters"),
        )
    };
    let broker = RdKafkaBroker::connect(&settings).await.unwrap();
    let trigger = Trigger::builder(broker, Ask(judge.parse().unwrap()))
        .options(Options {
            group: GROUP.into(),
            backoff: Backoff {
                initial: Duration::from_millis(100),
                max: Duration::from_secs(1),
            },
            retry_limit: RetryLimit {
                failures: 0,
                crashes: CRASHES,
            },
            commit_interval: Duration::from_millis(100),
            ..Options::default()
        })
        .start();
    // Until the test closes it.
    let closed = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    let status = tokio::select! {
        _ = closed => 0,
        () = trigger.ended() => FENCED,
    };
    _ = trigger.stop().await;
    // The thread that reads may be blocked.
    std::process::exit(status);
}
