//! The page of `xray demo --keep`.

use std::{fs, process::Command};

use phantoms::{DEFAULT_SEED, Phantom};
use tempfile::TempDir;
use testkit::{function_is_built, process::HostProcess, root};

use crate::client::Visitor;

/// Pictures that the demo has sent.
const COUNT: usize = 6;

/// A running demo.
pub struct Demo {
    pub process: HostProcess,
    pub dir: TempDir,
    pub entrance: String,
}

impl Demo {
    pub fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// Starts the demo with these variables.
    pub fn with(variables: &[&str]) -> Option<Self> {
        if !function_is_built() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command.args(["demo", "--keep", "--quiet", "--nn", "embedded", "--count"]);
        command.arg(COUNT.to_string()).arg("--from").arg(root());
        for variable in variables {
            command.args(["--variable", variable]);
        }
        let process = HostProcess::spawn({
            command.current_dir(dir.path());
            command
        });
        process.until_printed("The store goes on");
        let printed = process.printed();
        let line = printed
            .split("Open the page: ")
            .nth(1)
            .expect("the address");
        let entrance = line.lines().next().unwrap().to_owned();
        Some(Self {
            process,
            dir,
            entrance,
        })
    }

    /// Returns somebody without a session, and the path of the one-time address.
    pub fn visitor(&self) -> (Visitor, &str) {
        let rest = self.entrance.strip_prefix("http://").unwrap();
        let (address, _) = rest.split_once('/').unwrap();
        (Visitor::new(address), &rest[address.len()..])
    }
}

/// Texts of the demo's patients that may appear nowhere on the page.
pub fn patients() -> Vec<String> {
    let phantoms = Phantom::draw_all(DEFAULT_SEED, COUNT + 4);
    let texts = phantoms.into_iter().flat_map(|phantom| {
        let patient = phantom.patient;
        [patient.name, patient.id, patient.birth]
    });
    texts.filter(|text| text.len() > 3).collect()
}

/// Reports whether a patient's text is on a page. A short number may be in a token by chance, so it
/// counts as a word only.
pub fn shows(page: &str, patient: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_number = patient.bytes().all(|byte| byte.is_ascii_digit());
    page.match_indices(patient).any(|(at, found)| {
        let around = [
            page[..at].chars().next_back(),
            page[at + found.len()..].chars().next(),
        ];
        !is_number || !around.into_iter().any(is_part)
    })
}

#[test]
fn page_of_the_demo_shows_events_and_pictures() {
    let Some(demo) = Demo::start() else {
        return;
    };
    let (mut visitor, entrance) = demo.visitor();
    // Somebody who only looks does not use the address up.
    assert_eq!(visitor.send("HEAD", entrance, &[], "").status, 403);
    let prefetch = visitor.send("GET", entrance, &[("sec-purpose", "prefetch")], "");
    assert_eq!(prefetch.status, 403);
    let entered = visitor.get(entrance);
    assert_eq!((entered.status, entered.header("location")), (303, "/"));
    assert_eq!(visitor.get(entrance).status, 403);
    visitor.cookie = entered.cookie();

    let live = visitor.get("/");
    assert_eq!(live.status, 200);
    let text = live.text();
    for event in 1..=COUNT {
        assert!(text.contains(&format!("id=\"e{event}\"")), "{text}");
    }
    let out = demo.dir.path().join("demo-out");
    let (mut covered, mut processed) = (0, 0);
    for event in 1..=COUNT {
        for (kind, bucket) in [
            ("source", "xray-data-in"),
            ("labeled", "xray-data-in-processed"),
            ("covered", "xray-data-in-anonymized"),
        ] {
            let reply = visitor.get(&format!("/picture/{event}/{kind}"));
            if reply.status == 404 {
                continue;
            }
            assert_eq!(
                (reply.status, reply.header("content-type")),
                (200, "image/jpeg")
            );
            assert_eq!(reply.header("cache-control"), "no-store");
            let files = fs::read_dir(out.join(bucket)).unwrap();
            let mut files = files.map(|file| fs::read(file.unwrap().path()).unwrap());
            assert!(files.any(|file| file == reply.body), "{event} {kind}");
            covered += usize::from(kind == "covered");
            processed += usize::from(kind == "labeled");
        }
    }
    let anonymized = fs::read_dir(out.join("xray-data-in-anonymized")).unwrap();
    assert_eq!((processed, covered), (COUNT, anonymized.count()));

    // The stream has each event once, in order.
    let ids = visitor.stream().filter_map(|line| {
        let id = line.strip_prefix("id: ")?.parse::<usize>().ok()?;
        Some(id)
    });
    let ids: Vec<_> = ids.take(COUNT).collect();
    assert_eq!(ids, (1..=COUNT).collect::<Vec<_>>());

    let pages = ["/", "/event/1", "/login", "/nothing"].map(|path| visitor.get(path).text());
    for patient in patients() {
        for page in &pages {
            assert!(!shows(page, &patient), "{patient} is on the page");
        }
    }
}

#[test]
fn forged_and_foreign_requests_show_nothing() {
    let Some(demo) = Demo::start() else {
        return;
    };
    let (mut visitor, entrance) = demo.visitor();
    let paths = [
        "/",
        "/events",
        "/event/1",
        "/picture/1/covered",
        "/picture/1/source",
        "/picture/1/labeled",
        "/alive",
    ];
    let shows_nothing = |visitor: &Visitor, headers: &[(&str, &str)], statuses: &[u16]| {
        for path in paths {
            for method in ["GET", "HEAD", "POST", "PUT"] {
                let reply = visitor.send(method, path, headers, "");
                assert!(
                    statuses.contains(&reply.status),
                    "{method} {path} {headers:?}: {reply:?}"
                );
                assert!(reply.body.len() < 100, "{path} shows {}", reply.text());
                assert!(
                    reply
                        .header("content-security-policy")
                        .contains("default-src 'none'")
                );
            }
        }
    };
    let own = format!("http://{}", visitor.host);
    // Nobody has signed in.
    shows_nothing(&visitor, &[("origin", &own)], &[401]);
    assert_eq!(visitor.get("/").header("location"), "/login");
    for guess in ["__Host-xray=", "__Host-xray=abc", "__Host-xray=*"] {
        visitor.cookie = guess.to_owned();
        shows_nothing(&visitor, &[("origin", &own)], &[401]);
    }
    visitor.cookie = String::new();
    assert_eq!(visitor.get("/enter/abc").status, 403);

    // Somebody has, and another site or name makes the requests.
    visitor.cookie = visitor.get(entrance).cookie();
    assert_eq!(visitor.get("/").status, 200);
    let port = visitor.host.split(':').nth(1).unwrap();
    let rebound = format!("xray.evil.example:{port}");
    shows_nothing(&visitor, &[("host", &rebound)], &[421]);
    // Names that the page shares with the other servers of this machine.
    for name in ["127.0.0.1", "localhost", "[::1]", "x.localhost"] {
        let shared = format!("{name}:{port}");
        shows_nothing(&visitor, &[("host", &shared)], &[421]);
    }
    shows_nothing(&visitor, &[("origin", "http://evil.example")], &[403]);
    shows_nothing(&visitor, &[("origin", "null")], &[403]);
    let cross = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-dest", "image"),
    ];
    shows_nothing(&visitor, &cross, &[403]);
    for form in ["", "form_token=", "form_token=0"] {
        let reply = visitor.post("/logout", form);
        assert!(
            (400..500).contains(&reply.status),
            "{form}: {}",
            reply.status
        );
    }
    assert_eq!(visitor.get("/").status, 200, "the session goes on");

    // The page's own form ends it.
    let text = visitor.get("/").text();
    let token = text.split("name=\"form_token\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap();
    let mut stream = visitor.stream();
    assert!(stream.any(|line| line == "event: tiles"));
    let reply = visitor.post("/logout", &format!("form_token={token}"));
    assert_eq!((reply.status, reply.header("location")), (303, "/login"));
    shows_nothing(&visitor, &[("origin", &own)], &[401]);
    assert!(
        stream.any(|line| line == "event: ended"),
        "the stream goes on"
    );
}
