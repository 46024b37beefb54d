//! The report topic: pages show the events of several hosts, and a broker that is down loses none.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use testkit::{
    kafka::{Out, Topic, broker},
    process::HostProcess,
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::{Host, command},
    site::{Site, key, picture},
};

/// Somebody who has signed in to a page by its one-time address.
struct Visitor {
    host: String,
    cookie: String,
}

impl Visitor {
    fn new(printed: &str) -> Self {
        let entrance = printed.split("Page at http://").nth(1).expect("a page");
        let entrance = entrance.lines().next().unwrap();
        let (host, path) = entrance.split_once('/').unwrap();
        let mut visitor = Self {
            host: host.to_owned(),
            cookie: String::new(),
        };
        let entered = visitor.get(&format!("/{path}"));
        let cookie = entered.split("set-cookie: ").nth(1).expect("a cookie");
        visitor.cookie = cookie.split(';').next().unwrap().to_owned();
        visitor
    }

    fn get(&self, path: &str) -> String {
        let port = self.host.rsplit(':').next().unwrap();
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let (host, cookie) = (&self.host, &self.cookie);
        let request = format!(
            "GET {path} HTTP/1.0\r\nhost: {host}\r\ncookie: {cookie}\r\naccept: text/html\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        _ = stream.read_to_string(&mut text);
        text
    }

    fn rows(&self) -> usize {
        self.get("/").matches("<li class=\"event").count()
    }
}

fn with_page(mut command: Command, reports: &str) -> Host {
    command.args(["--report-topic", reports, "--page", "127.0.0.1:0"]);
    command.args(["--page-roles", "clinician"]);
    Host::run(command)
}

/// Delivers an event over HTTP and returns the status line.
fn post(address: &str, event: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.0\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        event.len()
    );
    stream
        .write_all(&[head.as_bytes(), event].concat())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_the_events_of_all_hosts() {
    const EVENTS: usize = 24;
    let Some(mut broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "rows-of-events", 4).await;
    let reports = Topic::create(&broker.plain, "rows", 3).await;
    let start = || {
        with_page(
            command(&site, &broker.plain, &topic.name, "g", &[]),
            &reports.name,
        )
    };
    let (one, two) = (start(), start());
    // And a page alone, for somebody who reviews.
    let keys = site.dir.path().join("keys");
    let (access, secret) = (
        &site.credentials.access_key,
        site.credentials.secret_key.expose(),
    );
    let text = format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n");
    std::fs::write(&keys, text).unwrap();
    let mut alone = Command::new(env!("CARGO_BIN_EXE_xray"));
    alone.args(["page", "--listen", "127.0.0.1:0", "--page-name", "alice"]);
    alone.args(["--report-topic", &reports.name, "--kafka", &broker.plain]);
    alone.arg("--page-credentials-file").arg(&keys);
    alone.env("SPIN_VARIABLE_S3_ENDPOINT", &site.endpoint);
    let alone = HostProcess::spawn({
        alone.current_dir(site.dir.path());
        alone
    });
    alone.until_printed("Page at http");
    let pages = [one.printed(), two.printed(), alone.printed()];
    let pages = pages.map(|printed| Visitor::new(&printed));

    let assigned = |host: &Host| host.metric("xray_kafka_assigned_partitions");
    until("they share", || assigned(&one) == 2 && assigned(&two) == 2);
    // Until each page reads the topic: rows of before are not shown.
    let warm = site.put_all("warm", 1).await;
    until("all pages read", || {
        post(&one.address, &warm[0]);
        post(&two.address, &warm[0]);
        pages[0].get("/").contains("on ")
            && pages[1].get("/").contains("on ")
            && pages[2].rows() > 0
    });
    let before = pages.each_ref().map(Visitor::rows);
    let events = site.put_all("a", EVENTS).await;
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    for (page, before) in pages.iter().zip(before) {
        until("each page has all", || page.rows() >= before + EVENTS);
    }
    for host in [&one, &two] {
        assert!(host.metric("xray_kafka_handled_total") > 0, "both work");
        assert!(host.metric("xray_rows_published_total") > 0);
        assert_eq!(host.metric("xray_rows_dropped_total"), 0);
    }
    // A host's own pictures are shown, others' are not; the page alone shows none.
    for page in &pages[..2] {
        let text = page.get("/");
        assert!(
            text.contains("/source\"") && text.contains("thumb empty"),
            "{text}"
        );
    }
    let text = pages[2].get("/");
    assert!(
        !text.contains("/picture/") && text.contains("thumb empty"),
        "{text}"
    );
    // Nothing of a key is on the topic, nor on a page.
    let sent: Vec<u8> = reports
        .read()
        .into_iter()
        .filter_map(|(_, value, _)| value)
        .flatten()
        .collect();
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains("\"outcome\":\"done\"") && sent.contains("\"source\":"));
    for part in [
        "DOE",
        ".jpeg",
        "1960",
        "xray-data-in",
        "trace_id",
        &key("a", 0),
    ] {
        assert!(
            !sent.contains(part) && !text.contains(part),
            "{part}: {sent}"
        );
    }

    // A broker that is down slows no event and loses none: rows are dropped and counted.
    broker.kill();
    let event = site
        .put("down_DOE9_1000000_1960-01-01_2024-05-06.jpeg", picture(0))
        .await;
    let begun = Instant::now();
    assert!(post(&one.address, &event).contains(" 200 "));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let key = "down_DOE9_1000000_1960-01-01_2024-05-06.jpeg";
    assert!(site.processed(key).await.is_some());
    until("the row is given up", || {
        one.metric("xray_rows_dropped_total") >= 1
    });
    broker.restart();
    let rows = pages[1].rows();
    until("the other page has later ones again", || {
        post(&one.address, &event);
        pages[1].rows() > rows
    });
}
