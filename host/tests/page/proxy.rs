//! The page behind oauth2-proxy, with the arguments of `deploy/components/page-proxy`.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
};

use testkit::{
    issuer::{Issuer, Signer},
    missing,
    process::HostProcess,
    root,
    wait::until,
};

use crate::{
    client::{Reply, Visitor},
    oidc::{claims, signed},
    review::Site,
};

const HOST: &str = "xray-page.apps.example.com";
const KEY: &str = "fedcba9876543210fedcba9876543210";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Returns the arguments of a container in a manifest.
fn arguments(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let (_, rest) = text.split_once("        args:\n").expect("arguments");
    let (rest, _) = rest.split_once("        ports:").expect("ports");
    let lines = rest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "));
    lines.map(str::to_owned).collect()
}

/// Returns an address that is free now: the proxy does not tell which one it has taken.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Starts the proxy before a page.
fn proxy(site: &Site, issuer: &Issuer, page: &str) -> Option<(HostProcess, SocketAddr)> {
    let fetched = Command::new(root().join("tests/oauth2-proxy/fetch")).output();
    let Some(fetched) = fetched.ok().filter(|output| output.status.success()) else {
        missing(
            "oauth2-proxy",
            "run tests/oauth2-proxy/fetch with Go 1.26 installed",
        );
        return None;
    };
    let ca = site.dir.path().join("ca.pem");
    fs::write(&ca, &issuer.certificate).unwrap();
    let address = free_address();
    // All of the manifest but its addresses.
    let others = ["--oidc-issuer-url", "--http", "--tls-", "--upstream"];
    let mut all = arguments("deploy/components/page-proxy/proxy.yaml");
    all.retain(|one| !others.iter().any(|other| one.starts_with(other)));
    assert!(all.len() > 10, "{all:?}");
    let mut command = Command::new(String::from_utf8(fetched.stdout).unwrap().trim());
    command.args(all);
    command.arg(format!("--oidc-issuer-url={}", issuer.url));
    command.arg(format!("--provider-ca-file={}", ca.display()));
    command.arg(format!("--http-address={address}"));
    command.arg(format!("--upstream=http://{page}"));
    command.env("OAUTH2_PROXY_CLIENT_SECRET", "client");
    command.env("OAUTH2_PROXY_COOKIE_SECRET", "0123456789abcdef");
    command.env("OAUTH2_PROXY_BASIC_AUTH_PASSWORD", SECRET);
    let mut process = HostProcess::spawn(command);
    until("the proxy serves or ends", || {
        TcpStream::connect(address).is_ok() || process.ended().is_some()
    });
    assert!(process.ended().is_none(), "{}", process.printed());
    Some((process, address))
}

/// A browser in front of the proxy.
struct Browser {
    visitor: Visitor,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn new(proxy: SocketAddr) -> Self {
        let mut visitor = Visitor::new(&proxy.to_string());
        visitor.host = HOST.to_owned();
        Self {
            visitor,
            cookies: Vec::new(),
        }
    }

    fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.visitor.cookie = pairs.join("; ");
        let headers = [&[("accept", "text/html")], headers].concat();
        let reply = self.visitor.send("GET", path, &headers, "");
        for set in reply.headers("set-cookie") {
            let (name, rest) = set.split_once('=').unwrap();
            let (value, rest) = rest.split_once(';').unwrap_or((rest, ""));
            self.cookies.retain(|(own, _)| own != name);
            let is_gone = value.is_empty() || rest.contains("1970") || rest.contains("Max-Age=0");
            if !is_gone {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        reply
    }

    /// Signs in: the issuer sends the browser back with a code.
    fn sign_in(&mut self) {
        let sent = self.get("/oauth2/start?rd=%2Freview", &[]);
        let to = sent.header("location").to_owned();
        assert!(
            to.contains("/authorize?") && to.contains("prompt=login"),
            "{to}"
        );
        let state = to.split("state=").nth(1).expect("a state");
        let state = state.split('&').next().unwrap();
        let back = self.get(&format!("/oauth2/callback?code=1&state={state}"), &[]);
        assert_eq!(back.status, 302, "{back:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth2_proxy_of_the_manifests_signs_people_in_and_out() {
    let site = Site::new(1).await;
    let (Some(issuer), Some(signer)) = (Issuer::start().await, Signer::rs256("one")) else {
        return;
    };
    issuer.publish(&[&signer]);
    let path = |name: &str| site.dir.path().join(name).display().to_string();
    fs::write(path("secret"), SECRET).unwrap();
    fs::write(path("key"), KEY).unwrap();
    let groups = fs::read_to_string(root().join("deploy/components/page-proxy/page.patch.yaml"));
    let groups = groups.unwrap();
    let groups = groups
        .lines()
        .filter_map(|line| line.trim().strip_prefix("value: --page-group"));
    let groups: Vec<String> = groups.map(|group| format!("--page-group{group}")).collect();
    let (secret, key, url) = (path("secret"), path("key"), format!("https://{HOST}"));
    let mut options = vec!["--page-url", &url, "--page-proxy-secret-file", &secret];
    options.extend(["--page-session-key-file", &key]);
    options.extend(groups.iter().map(String::as_str));
    let (page, direct) = site.start_behind(&options);
    let Some((proxy, address)) = proxy(&site, &issuer, &direct.address) else {
        return;
    };

    let mut alice = Browser::new(address);
    let unknown = alice.get("/review", &[]);
    assert!(
        unknown.header("location").starts_with(&issuer.url),
        "{unknown:?}"
    );
    let of = |name: &str, group: &str| {
        let mut claims = claims(&issuer, name, group);
        claims["email"] = format!("{name}@ward.example").into();
        claims["email_verified"] = true.into();
        signer.token(&claims)
    };
    issuer.give(of("alice", "xray-reviewers"));
    alice.sign_in();
    let review = alice.get("/review", &[]);
    let text = review.text();
    assert!(
        review.status == 200 && text.contains("1 copy waits"),
        "{review:?}"
    );
    assert!(
        text.contains(">alice<") && !text.contains(">clinician<"),
        "{text}"
    );
    // What a client sends beside it is not the proxy's.
    let forged = [
        ("x-forwarded-user", "eve"),
        ("x-forwarded-groups", "xray-clinicians"),
        ("x-forwarded-preferred-username", "eve"),
    ];
    let text = alice.get("/review", &forged).text();
    assert!(
        text.contains(">alice<") && !text.contains(">clinician<"),
        "{text}"
    );
    let guess = [("x-xray-proxy-secret", "guess")];
    assert_eq!(alice.get("/review", &guess).status, 401);
    let mut past = direct.clone();
    past.host = HOST.to_owned();
    assert_eq!(past.send("GET", "/review", &forged, "").status, 401);

    // Fifteen minutes later the page sends the browser to the proxy's sign-out.
    let idle = signed(KEY, "alice", 901);
    let (name, value) = idle.split_once('=').unwrap();
    alice.cookies.retain(|(own, _)| own != name);
    alice.cookies.push((name.to_owned(), value.to_owned()));
    let over = alice.get("/review", &[]);
    assert_eq!(over.header("location"), "/oauth2/sign_out", "{over:?}");
    assert_eq!(alice.get("/oauth2/sign_out", &[]).status, 302);
    let out = alice.get("/review", &[]);
    assert!(out.header("location").starts_with(&issuer.url), "{out:?}");

    // Whom the issuer puts in no group of ours sees nothing.
    issuer.give(of("bob", "staff"));
    let mut bob = Browser::new(address);
    bob.sign_in();
    assert_eq!(bob.get("/review", &[]).status, 403);
    let listed = site.audit(&["list"]);
    assert!(
        listed.contains("alice") && !listed.contains("eve"),
        "{listed}"
    );
    assert!(!page.printed().contains(SECRET));
    drop(proxy);
}
