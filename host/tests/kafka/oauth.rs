//! Access tokens from an issuer: Kafka's own validator accepts them, they are renewed in time, and
//! an issuer that rejects the client is told from one that is down.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use testkit::{
    http::{Server, status},
    kafka::{Broker, Out, Topic, broker},
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::{Host, command},
    outcome::Scenario,
    site::Site,
};

/// Lifetime of a token. The broker ends a connection when its token ends; the client presents the
/// next one after nine tenths, and looks once a second whether it has to get it.
const LIFETIME: Duration = Duration::from_secs(15);

/// A token endpoint for the client `xray:app` with the secret `an app's secret`.
struct Issuer {
    server: Server,
    state: Arc<State>,
}

struct State {
    key: PathBuf,
    audience: &'static str,
    is_down: AtomicBool,
    issued: Mutex<Vec<Instant>>,
}

impl State {
    fn respond(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let respond = |code, body: String| status(code).map(|_| body.into());
        if self.is_down.load(Relaxed) {
            return status(503);
        }
        // Both are encoded like a form.
        let expected = "Basic eHJheSUzQWFwcDphbithcHAlMjdzK3NlY3JldA==";
        if request.headers()["authorization"] != expected {
            return respond(401, r#"{"error":"invalid_client"}"#.into());
        }
        assert_eq!(
            request.body(),
            "grant_type=client_credentials&scope=kafka+read&audience=kafka"
        );
        self.issued.lock().unwrap().push(Instant::now());
        let token = token(&self.key, self.audience);
        let seconds = LIFETIME.as_secs();
        respond(
            200,
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#),
        )
    }
}

impl Issuer {
    async fn open(broker: &Broker, audience: &'static str) -> Self {
        let state = Arc::new(State {
            key: broker.dir.join("issuer.key"),
            audience,
            is_down: AtomicBool::new(false),
            issued: Mutex::default(),
        });
        let own = state.clone();
        let server = Server::start(move |request| {
            let state = own.clone();
            async move { state.respond(&request) }
        });
        Self {
            server: server.await,
            state,
        }
    }

    fn count(&self) -> usize {
        self.state.issued.lock().unwrap().len()
    }

    fn options(&self, secret: &str) -> Vec<String> {
        vec![
            "sasl_mechanism=OAUTHBEARER".into(),
            format!("oauth_token_url={}/token", self.server.address),
            "oauth_client_id=xray:app".into(),
            format!("oauth_client_secret={secret}"),
            "oauth_scope=kafka read".into(),
            "oauth_audience=kafka".into(),
        ]
    }
}

/// Returns a JWT that the broker's key set verifies.
fn token(key: &Path, audience: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (now, end) = (now.as_secs(), (now + LIFETIME).as_secs());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"test"}"#);
    let claims = URL_SAFE_NO_PAD.encode(format!(
        r#"{{"iss":"https://issuer.test","aud":"{audience}","sub":"xray","scope":"kafka read","iat":{now},"exp":{end}}}"#
    ));
    let text = format!("{header}.{claims}");
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-sign"]).arg(key);
    let openssl = openssl.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = openssl.spawn().unwrap();
    process
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let signature = process.wait_with_output().unwrap().stdout;
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

const SECRET: &str = "an app's secret";

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_get_in_and_are_renewed_before_they_end() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "tokens", 2).await;
    let letters = Topic::create(&broker.plain, "tokens-dead-letters", 1).await;
    let issuer = Issuer::open(&broker, "kafka").await;
    let options = issuer.options(SECRET);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let host = Host::start(&site, &broker.oauth, &topic.name, "g", &options);
    let mut sent = 0;
    let send = async |prefix: &str, count| {
        let events = site.put_all(prefix, count).await;
        topic
            .send(events.into_iter().map(Out::value).collect())
            .await;
    };
    for prefix in ["f", "s"] {
        send(prefix, 2).await;
        sent += 2;
        until("these are done", || topic.is_done("g"));
        let issued = issuer.count();
        until("the next token is issued", || issuer.count() > issued);
    }
    let issued = issuer.state.issued.lock().unwrap().clone();
    for pair in issued.windows(2) {
        let after = pair[1] - pair[0];
        assert!(after < LIFETIME, "renewed after {after:?}: {issued:?}");
        assert!(
            after > LIFETIME / 3,
            "asked again after {after:?}: {issued:?}"
        );
    }
    // Poison: the producer of dead letters has a token too.
    topic.send_to(0, b"not a notification").await;
    until("the dead letter is written", || letters.ends() == [1]);
    let objects = [("f", 2), ("s", 2)];
    let scenario = Scenario {
        name: "OAUTHBEARER",
        site: &site,
        topic: &topic,
        group: "g",
        sent,
        objects: &objects,
        repeated: 0,
    };
    scenario.check().await;
    let (status, printed) = host.end();
    assert!(status.success(), "{printed}");
    for never in [SECRET, "eyJ", "WARN", "ERROR"] {
        assert!(!printed.contains(never), "{never}: {printed}");
    }

    let mut list = Command::new(env!("CARGO_BIN_EXE_xray"));
    list.args([
        "dead-letters",
        "--kafka",
        &broker.oauth,
        "--topic",
        "tokens",
    ]);
    for option in &options {
        list.arg("--kafka-option").arg(option);
    }
    let output = list.arg("list").output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.contains("1 records"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_that_is_down_is_waited_for() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "tokens-later", 1).await;
    let issuer = Issuer::open(&broker, "kafka").await;
    issuer.state.is_down.store(true, Relaxed);
    let options = issuer.options(SECRET);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let events = site.put_all("d", 1).await;
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    let host = Host::start(&site, &broker.oauth, &topic.name, "g", &options);
    issuer.state.is_down.store(false, Relaxed);
    until("it got in", || topic.is_done("g"));
    let (status, printed) = host.end();
    assert!(status.success() && !printed.contains(SECRET), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_tokens_and_clients_are_one_line() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let fails = |issuer: &Issuer, secret: &str, says: &[&str]| {
        let options = issuer.options(secret);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let output = command(&site, &broker.oauth, "tokens", "g", &options)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{printed}");
        let lines: Vec<&str> = printed
            .lines()
            .filter(|line| line.contains("xray: ") || line.contains(" WARN "))
            .collect();
        let [line] = lines[..] else {
            panic!("one line: {printed}")
        };
        assert!(says.iter().all(|word| line.contains(word)), "{line}");
        assert!(!printed.contains(secret), "{printed}");
        println!("{line}");
    };
    let issuer = Issuer::open(&broker, "kafka").await;
    fails(
        &issuer,
        "a wrong secret",
        &["invalid_client", "oauth_client_secret"],
    );
    let other = Issuer::open(&broker, "another-audience").await;
    fails(&other, SECRET, &["uthentication", "localhost"]);
}
