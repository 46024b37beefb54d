//! `xray page`: the review of copies in quarantine, over HTTP as anybody could send it.

use std::{fs, process::Command};

use bytes::Bytes;
use fake_gateway::store::{Listening, Store};
use phantoms::{DEFAULT_SEED, Phantom};
use s3::{Client, Credentials, NewObject, Precondition, PutObject, Transport};
use tempfile::TempDir;
use testkit::process::HostProcess;

use crate::{
    client::{Reply, Visitor},
    roles::{token, xray},
};

const QUARANTINE: &str = "xrays-quarantine";
const ANONYMIZED: &str = "xrays-anonymized";
const AUDIT: &str = "xrays-audit";
/// Part of a copy's key that must appear nowhere.
const KEY: &str = "demo_XXXXXXXX_studyofapatient";

/// A store with copies in quarantine, and people who may sign in.
pub struct Site {
    pub dir: TempDir,
    _store: Store,
    listening: Listening,
    pub client: Client,
    credentials: Credentials,
    people: Vec<(String, String)>,
}

/// Stores a copy as the function does.
pub async fn quarantine(client: &Client, bucket: &str, key: &str, jpeg: &[u8]) {
    let object = &NewObject {
        body: Bytes::copy_from_slice(jpeg).into(),
        content_type: "image/jpeg",
        metadata: vec![
            ("xray-source", format!("sourceof{}", key.len())),
            ("xray-reason", "text-left".to_owned()),
        ],
        precondition: Precondition::Absent,
    };
    let put = PutObject {
        bucket,
        key,
        object,
    };
    client.send(&put).await.unwrap();
}

impl Site {
    pub async fn new(copies: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credentials = fake_gateway::random_credentials();
        let store = Store::builder(dir.path().join("store"), credentials.clone());
        let store = store.bucket(QUARANTINE).bucket(ANONYMIZED).bucket(AUDIT);
        let store = store.bucket("xrays").open().unwrap();
        let listening = store.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let client = Client::new(listening.endpoint(), credentials.clone(), Transport::http());
        for (number, phantom) in Phantom::draw_all(DEFAULT_SEED, copies).iter().enumerate() {
            let key = format!("{KEY}{number}.jpeg");
            quarantine(&client, QUARANTINE, &key, &phantom.jpeg).await;
        }
        let roles = ["viewer", "reviewer", "reviewer", "clinician"];
        let names = ["vera", "alice", "bob", "carl"];
        let made = names
            .iter()
            .zip(roles)
            .map(|(name, role)| token(name, role));
        let (lines, tokens): (Vec<_>, Vec<_>) = made.unzip();
        fs::write(dir.path().join("users"), lines.concat()).unwrap();
        let keys = format!(
            "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n",
            credentials.access_key,
            credentials.secret_key.expose()
        );
        fs::write(dir.path().join("keys"), keys).unwrap();
        let people = names.iter().map(|name| (*name).to_owned()).zip(tokens);
        Self {
            people: people.collect(),
            dir,
            _store: store,
            listening,
            client,
            credentials,
        }
    }

    /// Returns the command `xray page`.
    fn page(&self) -> Command {
        let mut command: Command = xray(&["page", "--listen", "127.0.0.1:0", "--bucket", "xrays"]);
        command
            .arg("--page-credentials-file")
            .arg(self.dir.path().join("keys"))
            .env("SPIN_VARIABLE_S3_ENDPOINT", self.listening.endpoint().url())
            .current_dir(self.dir.path());
        command
    }

    /// Starts `xray page` and returns somebody who has not signed in.
    pub fn start(&self) -> (HostProcess, Visitor) {
        self.start_with(&[])
    }

    /// The same, with further arguments.
    pub fn start_with(&self, arguments: &[&str]) -> (HostProcess, Visitor) {
        let users = self.dir.path().join("users").display().to_string();
        self.start_behind(&[arguments, &["--page-users", &users]].concat())
    }

    /// The same, with these arguments for the way in.
    pub fn start_behind(&self, arguments: &[&str]) -> (HostProcess, Visitor) {
        let mut command = self.page();
        command.args(arguments);
        let process = HostProcess::spawn(command);
        process.until_printed("Page at http");
        let printed = process.printed();
        let url = printed.split("Page at http").nth(1).unwrap();
        let address = url.split("://").nth(1).unwrap();
        let visitor = Visitor::new(address.split('/').next().unwrap());
        (process, visitor)
    }

    /// Starts a page for the person at its terminal, who signs in.
    fn start_local(&self, options: &[&str]) -> (HostProcess, Reviewer) {
        let mut command = self.page();
        command.args(options);
        let process = HostProcess::spawn(command);
        process.until_printed("/enter/");
        let printed = process.printed();
        let entrance = printed.split("Page at http://").nth(1).unwrap();
        let entrance = entrance.lines().next().unwrap();
        let (host, _) = entrance.split_once('/').unwrap();
        let mut visitor = Visitor::new(host);
        visitor.cookie = visitor.get(&entrance[host.len()..]).cookie();
        (process, Reviewer::new(visitor))
    }

    /// Signs a reviewer in.
    pub fn sign_in(&self, visitor: &Visitor, name: &str) -> Reviewer {
        Reviewer::new(self.visitor(visitor, name))
    }

    /// Signs somebody in.
    pub fn visitor(&self, visitor: &Visitor, name: &str) -> Visitor {
        let mut visitor = visitor.clone();
        let (_, token) = self.people.iter().find(|(own, _)| own == name).unwrap();
        visitor.cookie = visitor.post("/login", &format!("token={token}")).cookie();
        visitor
    }

    /// Returns the people and their tokens.
    pub fn people(&self) -> Vec<(String, String)> {
        self.people.clone()
    }

    /// Runs `xray audit` and returns its output.
    pub fn audit(&self, arguments: &[&str]) -> String {
        let mut command = xray(&["audit"]);
        command.args(arguments).args(["--bucket", "xrays"]);
        let keys = self.dir.path().join("keys");
        command.arg("--page-credentials-file").arg(keys);
        let endpoint = self.listening.endpoint();
        command.env("SPIN_VARIABLE_S3_ENDPOINT", endpoint.url());
        let output = command.current_dir(self.dir.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until a bucket has so many copies: a release stores one and then removes the other.
    async fn until(&self, bucket: &str, count: usize) {
        for _ in 0..100 {
            // A listing may meet an object that is just being removed.
            if self.counted(bucket).await.ok() == Some(count) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{bucket} has not {count} copies");
    }

    /// Returns the number of copies in quarantine.
    pub async fn waiting(&self) -> usize {
        self.count(QUARANTINE).await
    }

    async fn count(&self, bucket: &str) -> usize {
        self.counted(bucket).await.unwrap()
    }

    async fn counted(&self, bucket: &str) -> Result<usize, s3::Error> {
        let page = self.client.list(bucket, "", "", 1000).await?;
        let copies = page
            .objects
            .iter()
            .filter(|one| !one.key.starts_with("xray-review/"));
        Ok(copies.count())
    }
}

/// A reviewer who has signed in.
pub struct Reviewer {
    pub visitor: Visitor,
    pub token: String,
}

impl Reviewer {
    fn new(visitor: Visitor) -> Self {
        let text = visitor.get("/review").text();
        let token = text.split("name=\"form_token\" value=\"").nth(1).unwrap();
        Self {
            token: token.split('"').next().unwrap().to_owned(),
            visitor,
        }
    }

    /// Sends a form with the session's token.
    pub fn post(&self, path: &str, form: &str) -> Reply {
        let form = format!("form_token={}&{form}", self.token);
        self.visitor.post(path, &form)
    }

    /// Claims the next copy and returns its address.
    pub fn next(&self) -> String {
        self.post("/review/next", "").header("location").to_owned()
    }

    /// Decides about the copy at an address, as the form on its page does.
    fn decide(&self, address: &str, decision: &str) -> Reply {
        let text = self.visitor.get(address).text();
        let seen = text.split("name=\"seen\" value=\"").nth(1).expect("a form");
        let seen = seen.split('"').next().unwrap();
        self.post(
            &format!("{address}/decide"),
            &format!("seen={seen}&decision={decision}"),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_reviewed_by_two_people_and_survive_a_killed_page() {
    let site = Site::new(4).await;
    let (process, visitor) = site.start();
    let (alice, bob) = (
        site.sign_in(&visitor, "alice"),
        site.sign_in(&visitor, "bob"),
    );
    assert_eq!(visitor.get("/").header("location"), "/login");
    assert_eq!(alice.visitor.get("/").header("location"), "/review");
    let list = alice.visitor.get("/review").text();
    assert!(
        list.contains("4 copies wait") && list.contains("Text may be left"),
        "{list}"
    );
    assert!(
        !list.contains("demo_") && !list.contains("studyof"),
        "{list}"
    );

    let (first, second) = (alice.next(), bob.next());
    assert_ne!(first, second);
    let copy = alice.visitor.get(&format!("{first}/copy"));
    assert_eq!(
        (copy.status, copy.header("content-type")),
        (200, "image/jpeg")
    );
    assert!(
        bob.visitor
            .get(&first)
            .text()
            .contains("alice looks at this copy")
    );
    let refused = bob.decide(&first, "reject");
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("alice looks at this copy"));

    let third = alice.decide(&first, "release");
    assert_eq!(third.status, 303);
    let third = third.header("location").to_owned();
    assert!(third != first && third != second, "{third}");
    assert!(
        alice
            .visitor
            .get(&third)
            .text()
            .contains(" is released at ")
    );
    // Taken back, and decided otherwise.
    let undone = alice.post(&format!("{first}/undo"), "");
    assert_eq!(undone.header("location"), first);
    assert_eq!(alice.decide(&first, "reject").status, 303);
    assert_eq!(bob.decide(&second, "release").status, 303);
    assert_eq!(site.count(ANONYMIZED).await, 0, "it has its ten seconds");
    // Bob leaves; Alice's decision waits, and the page is killed.
    assert_eq!(bob.post("/review/now", "").status, 204);
    site.until(ANONYMIZED, 1).await;
    site.until(QUARANTINE, 3).await;
    process.signal("-KILL");
    drop(process);

    let (process, visitor) = site.start();
    let bob = site.sign_in(&visitor, "bob");
    let list = bob.visitor.get("/review").text();
    assert!(
        list.contains("2 copies wait") && list.contains("1 decision is"),
        "{list}"
    );
    let refused = bob.visitor.get(&first).text();
    assert!(refused.contains("alice has decided: rejected"), "{refused}");
    assert!(!refused.contains("name=\"decision\""), "{refused}");
    let printed = process.printed();
    assert!(!printed.contains("studyof"), "{printed}");

    // The audit log has all of it, over the killed page, and nothing of a key or a token.
    let said = site.audit(&["verify"]);
    assert!(said.contains("whole: "), "{said}");
    let listed = site.audit(&["list"]);
    assert!(
        !listed.contains("demo_") && !listed.contains("studyof"),
        "{listed}"
    );
    for (_, token) in &site.people {
        assert!(!listed.contains(token));
    }
    let id = first.trim_start_matches("/review/");
    let of_copy = site.audit(&["list", "--copy", &id[..16], "--who", "alice"]);
    let told: Vec<Vec<&str>> = of_copy
        .lines()
        .map(|line| line.split_whitespace().skip(2).collect())
        .collect();
    let short = &id[..16];
    assert_eq!(
        told,
        [
            &["claim", short][..],
            &["view", short, "quarantined"],
            &["decide", "intent", short, "release"],
            &["decide", "outcome", short, "release", "taken"],
            &["undo", "intent", short],
            &["undo", "outcome", short, "taken"],
            &["decide", "intent", short, "reject"],
            &["decide", "outcome", short, "reject", "taken"],
        ]
    );
    let left = bob.next().replace("/review/", "after=");
    assert_eq!(bob.post("/review/next", &left).status, 303);
    let is_skipped = |line: &str| line.contains("skip") && line.contains(&left[6..22]);
    let bobs = site.audit(&["list", "--who", "bob"]);
    assert!(bobs.lines().any(is_skipped), "{bobs}");
    for part in ["sign-in", "signed in", "refused: claimed by another person"] {
        assert!(bobs.contains(part), "{part}: {bobs}");
    }
    assert_eq!(visitor.post("/login", "token=guess").status, 403);
    assert!(site.audit(&["list"]).contains("refused: wrong token"));

    // Without the log nothing is shown, and nobody signs in.
    fs::rename(
        site.dir.path().join("store").join(AUDIT),
        site.dir.path().join("gone"),
    )
    .unwrap();
    let copy = bob.visitor.get(&format!("{first}/copy"));
    assert_eq!(
        (copy.status, copy.header("content-type")),
        (502, "text/html; charset=utf-8")
    );
    let (_, token) = &site.people[1];
    let refused = visitor.post("/login", &format!("token={token}"));
    assert_eq!((refused.status, refused.cookie()), (502, String::new()));
    assert!(!printed.contains(site.credentials.secret_key.expose()));
}

#[tokio::test(flavor = "multi_thread")]
async fn review_is_for_reviewers_and_their_own_forms() {
    let site = Site::new(1).await;
    let (process, visitor) = site.start();
    let alice = site.sign_in(&visitor, "alice");
    let address = alice.next();
    let paths = [
        "/review",
        &address,
        &format!("{address}/copy"),
        &format!("{address}/source"),
    ];
    for name in ["vera", "carl"] {
        let other = site.visitor(&visitor, name);
        for path in paths {
            let reply = other.get(path);
            assert_eq!(
                (reply.status, reply.header("content-type")),
                (404, "text/html; charset=utf-8")
            );
        }
        // With a token that is somebody's, it is still the wrong person.
        for path in [
            format!("{address}/decide"),
            "/review/next".to_owned(),
            "/review/now".to_owned(),
        ] {
            let form = format!("form_token={}&decision=release", alice.token);
            assert_eq!(other.post(&path, &form).status, 404, "{name} {path}");
        }
    }
    // A reviewer sees no source, and nobody decides by a link or from another site.
    assert_eq!(alice.visitor.get(&format!("{address}/source")).status, 404);
    let decide = format!("{address}/decide");
    assert_eq!(
        alice
            .visitor
            .get(&format!("{decide}?decision=release"))
            .status,
        404
    );
    let text = alice.visitor.get(&address).text();
    let seen = text.split("name=\"seen\" value=\"").nth(1).unwrap();
    let seen = seen.split('"').next().unwrap();
    for form in [
        format!("seen={seen}&decision=release"),
        format!("form_token=0&seen={seen}&decision=release"),
    ] {
        assert_eq!(alice.visitor.post(&decide, &form).status, 403);
    }
    let form = format!("form_token={}&seen={seen}&decision=release", alice.token);
    for origin in ["http://evil.example", "null"] {
        let headers = [("origin", origin)];
        assert_eq!(
            alice.visitor.send("POST", &decide, &headers, &form).status,
            403
        );
    }
    assert_eq!(
        alice
            .post(&decide, &format!("seen={seen}&decision=maybe"))
            .status,
        400
    );
    assert_eq!(
        alice.post(&decide, "seen=other&decision=release").status,
        409
    );
    assert_eq!(
        alice
            .post("/review/0123/decide", "seen=x&decision=release")
            .status,
        404
    );
    assert!(alice.visitor.get("/review").text().contains("1 copy waits"));
    assert_eq!(site.count(QUARANTINE).await, 1);
    assert!(process.printed().contains("Page at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_at_two_terminals_are_told_apart() {
    let site = Site::new(2).await;
    let (one, alice) = site.start_local(&["--page-name", "alice"]);
    let (two, bob) = site.start_local(&["--page-name", "bob@ward"]);
    let (first, second) = (alice.next(), bob.next());
    assert_ne!(first, second);
    let said = bob.visitor.get(&first).text();
    assert!(said.contains("alice looks at this copy"), "{said}");
    assert_eq!(bob.decide(&first, "reject").status, 409);
    assert_eq!(alice.decide(&first, "reject").status, 303);
    // Only its own person takes a decision back.
    assert!(!bob.visitor.get("/review").text().contains("/undo"));
    assert_eq!(bob.post(&format!("{first}/undo"), "").status, 409);
    let listed = site.audit(&["list", "--who", "bob@ward"]);
    assert!(listed.contains("signed in") && listed.contains("refused"));
    assert!(site.audit(&["list", "--who", "alice"]).contains("taken"));
    assert_eq!(site.audit(&["list", "--who", "local"]), "");
    drop((one, two));

    // By default the name is the operating system's; without any nobody decides.
    let mut command = site.page();
    command.env_remove("USER").env_remove("LOGNAME");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("--page-name NAME"),
        "{said}"
    );
    let mut command = site.page();
    command.env("USER", "carol");
    let process = HostProcess::spawn(command);
    process.until_printed("/enter/");
    let printed = process.printed();
    let entrance = printed.split("Page at http://").nth(1).unwrap();
    let (host, path) = entrance.lines().next().unwrap().split_once('/').unwrap();
    assert_eq!(Visitor::new(host).get(&format!("/{path}")).status, 303);
    assert!(site.audit(&["list"]).contains("carol@"));
    for bad in ["", "a b", "<x>"] {
        let mut command = site.page();
        let output = command.args(["--page-name", bad]).output().unwrap();
        assert!(!output.status.success(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_log_has_what_was_shown_and_no_text_of_an_address() {
    let site = Site::new(1).await;
    let (_process, visitor) = site.start();
    let alice = site.sign_in(&visitor, "alice");
    let address = alice.next();
    for path in ["DOE^JOHN", "DOE%5EJOHN", &"g".repeat(64)] {
        let decide = format!("/review/{path}/decide");
        assert_eq!(alice.post(&decide, "seen=0&decision=reject").status, 404);
        let copy = format!("/review/{path}/copy");
        assert_eq!(alice.visitor.get(&copy).status, 404);
    }
    let form = "seen=DOE%5EJOHN&decision=reject";
    assert_eq!(alice.post(&format!("{address}/decide"), form).status, 409);
    let listed = site.audit(&["list", "--json"]);
    assert!(
        !listed.contains("DOE") && !listed.contains("ggg"),
        "{listed}"
    );

    // The function replaces the copy after it was listed; the log has the bytes that were shown.
    let key = format!("{KEY}0.jpeg");
    let other = Phantom::draw(3, 1);
    site.client.delete(QUARANTINE, &key).await.unwrap();
    quarantine(&site.client, QUARANTINE, &key, &other.jpeg).await;
    let etag = site
        .client
        .head(QUARANTINE, &key)
        .await
        .unwrap()
        .unwrap()
        .etag;
    let shown = alice.visitor.get(&format!("{address}/copy"));
    assert_eq!(shown.body, other.jpeg);
    let listed = site.audit(&["list", "--json"]);
    let view = listed
        .lines()
        .rfind(|line| line.contains("\"view\""))
        .unwrap();
    assert!(view.contains(&etag), "{view}");
}
