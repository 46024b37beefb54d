//! A page behind a proxy that signs people in: by ID tokens of an issuer, or by headers beside a
//! secret.

use std::{cell::RefCell, fs};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::{
    issuer::{Issuer, Signer, by_secret, unsigned},
    process::HostProcess,
};

use crate::{
    client::{Reply, Visitor},
    review::Site,
};

/// Address at which browsers reach the proxy.
const URL: &str = "https://xray.example.com";
const GROUPS: [&str; 3] = [
    "--page-group=review=reviewer",
    "--page-group=doctors=clinician",
    "--page-group=staff=viewer",
];

/// Somebody whose requests reach the page with these headers.
struct Person {
    visitor: Visitor,
    headers: Vec<(&'static str, String)>,
    /// Cookie of the page, as this person's browser keeps it.
    cookie: RefCell<String>,
}

impl Person {
    fn new(visitor: &Visitor, headers: Vec<(&'static str, String)>) -> Self {
        Self {
            visitor: visitor.clone(),
            headers,
            cookie: RefCell::default(),
        }
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Reply {
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let mut headers: Vec<_> = own.collect();
        headers.push(("accept", "text/html"));
        if method == "POST" {
            headers.push(("origin", URL));
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let visitor = Visitor {
            cookie: self.cookie.borrow().clone(),
            ..self.visitor.clone()
        };
        let reply = visitor.send(method, path, &headers, body);
        if !reply.header("set-cookie").is_empty() {
            *self.cookie.borrow_mut() = reply.cookie();
        }
        reply
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "")
    }

    /// Returns the text behind a mark on a page.
    fn after(&self, path: &str, mark: &str) -> String {
        let text = self.get(path).text();
        let rest = text
            .split(mark)
            .nth(1)
            .unwrap_or_else(|| panic!("no {mark} in {text}"));
        rest.split('"').next().unwrap().to_owned()
    }

    fn form_token(&self) -> String {
        self.after("/review", "name=\"form_token\" value=\"")
    }
}

fn start(site: &Site, arguments: &[&str]) -> (HostProcess, Visitor) {
    let (process, mut visitor) = site.start_behind(&[&["--page-url", URL], arguments].concat());
    visitor.host = "xray.example.com".to_owned();
    (process, visitor)
}

/// Returns the claims of a token that is good for five minutes.
pub fn claims(issuer: &Issuer, name: &str, group: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let exp = now.unwrap().as_secs() + 300;
    json!({"iss": issuer.url, "aud": "xray-page", "sub": name, "exp": exp, "groups": [group]})
}

/// Checks that somebody is shown nothing, and that nothing is moved for that person.
async fn gets_nothing(site: &Site, person: &Person, copy: &str, form: &str, statuses: &[u16]) {
    for path in [
        "/",
        "/events",
        "/review",
        copy,
        &format!("{copy}/copy"),
        "/login",
        "/nothing",
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let reply = person.send(method, path, "");
            assert!(
                statuses.contains(&reply.status),
                "{method} {path}: {reply:?}"
            );
            assert!(reply.body.len() < 100, "{path} shows {}", reply.text());
            assert_eq!(reply.header("set-cookie"), "");
        }
    }
    for act in [
        format!("{copy}/decide"),
        "/review/next".to_owned(),
        "/logout".to_owned(),
    ] {
        let reply = person.send("POST", &act, form);
        assert!(statuses.contains(&reply.status), "{act}: {reply:?}");
    }
    assert_eq!(site.waiting().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_with_verified_id_tokens_are_let_in_and_nobody_else() {
    let site = Site::new(1).await;
    let Some(issuer) = Issuer::start().await else {
        return;
    };
    let Some(signer) = Signer::rs256("one") else {
        return;
    };
    issuer.publish(&[&signer]);
    let ca = site.dir.path().join("ca.pem");
    fs::write(&ca, &issuer.certificate).unwrap();
    let arguments = [
        "--page-oidc-issuer",
        &issuer.url,
        "--page-oidc-audience",
        "xray-page",
        "--page-oidc-ca",
        ca.to_str().unwrap(),
    ];
    let (process, visitor) = start(&site, &[&arguments[..], &GROUPS].concat());
    let bearer = |token: &str| {
        let token = format!("Bearer {token}");
        Person::new(&visitor, vec![("authorization", token)])
    };
    let of = |name: &str, group: &str| bearer(&signer.token(&claims(&issuer, name, group)));
    let alice = of("auth0|alice", "review");
    assert_eq!(issuer.fetched(), 0);
    let copy = alice.after("/review", "class=\"thumb\" href=\"");
    assert_eq!(issuer.fetched(), 1);
    let shown = alice.get(&format!("{copy}/copy"));
    assert_eq!(
        (shown.status, shown.header("content-type")),
        (200, "image/jpeg")
    );
    assert_eq!(shown.header("set-cookie"), "");
    for (group, status) in [("staff", 404), ("doctors", 404), ("review", 200)] {
        assert_eq!(of("x", group).get("/review").status, status, "{group}");
    }

    // Forged, of another issuer, for another audience, old, with another key, and without a role.
    let seen = alice.after(&copy, "name=\"seen\" value=\"");
    let form = format!(
        "form_token={}&seen={seen}&decision=reject",
        alice.form_token()
    );
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&issuer, "auth0|alice", "review");
        claims[name] = value;
        bearer(&signer.token(&claims))
    };
    let good = claims(&issuer, "auth0|alice", "review");
    let (other, unknown) = (Signer::rs256("one").unwrap(), Signer::es256("two"));
    let public = serde_json::to_vec(&signer.jwk()).unwrap();
    for (person, status) in [
        (bearer(&other.token(&good)), 401),
        (bearer(&unknown.token(&good)), 401),
        (bearer(&unsigned(&json!({"alg": "none"}), &good)), 401),
        (
            bearer(&unsigned(&json!({"alg": "none", "kid": "one"}), &good)),
            401,
        ),
        (bearer(&by_secret("one", &public, &good)), 401),
        (changed("iss", "https://evil.example".into()), 401),
        (changed("aud", "another-page".into()), 401),
        (changed("exp", 1_700_000_000.into()), 401),
        (changed("nbf", 4_000_000_000_u64.into()), 401),
        (changed("groups", json!([])), 403),
        (changed("groups", json!(["reviewer", "clinician"])), 403),
        (changed("sub", "a b".into()), 401),
        (bearer(""), 401),
        (
            Person::new(
                &visitor,
                vec![
                    ("x-forwarded-user", "alice".to_owned()),
                    ("x-forwarded-groups", "review".to_owned()),
                    ("x-forwarded-email", "alice@ward.example".to_owned()),
                ],
            ),
            401,
        ),
    ] {
        gets_nothing(&site, &person, &copy, &form, &[status]).await;
    }
    // One fetch a token with an unknown key would be many.
    assert!(issuer.fetched() <= 2, "{}", issuer.fetched());

    // Forms need a session, and its own token, which another's is not.
    let decide = format!("{copy}/decide");
    for name in ["bob", "auth0|alice"] {
        let other = of(name, "review");
        assert_eq!(other.send("POST", &decide, &form).status, 401);
        assert_eq!(other.get("/review").status, 200);
        assert_eq!(other.send("POST", &decide, &form).status, 403);
    }
    assert_eq!(site.waiting().await, 1);
    assert_eq!(alice.send("POST", &decide, &form).status, 303);
    let out = format!("form_token={}", alice.form_token());
    let left = alice.send("POST", "/logout", &out);
    assert_eq!(
        (left.status, left.header("location")),
        (303, "/oauth2/sign_out")
    );
    let listed = site.audit(&["list"]);
    for part in [
        "auth0|alice",
        "signed in by the proxy",
        "sign-out",
        "taken",
        "refused: signature",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let printed = process.printed();
    let token = signer.token(&good);
    assert!(!printed.contains(&token[..20]) && !listed.contains(&token[..20]));
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_count_only_beside_the_proxys_secret() {
    let site = Site::new(1).await;
    let file = site.dir.path().join("secret");
    let secret = "0123456789abcdef".repeat(2);
    fs::write(&file, &secret).unwrap();
    let arguments = ["--page-proxy-secret-file", file.to_str().unwrap()];
    let sign_out = ["--page-proxy-sign-out", "/oauth/sign_out"];
    let (process, visitor) = start(&site, &[&arguments[..], &sign_out, &GROUPS].concat());
    let person = |pairs: &[(&'static str, &str)]| {
        let pairs = pairs.iter();
        let headers = pairs.map(|(name, value)| (*name, (*value).to_owned()));
        Person::new(&visitor, headers.collect())
    };
    let alice = [
        ("x-forwarded-user", "alice"),
        ("x-forwarded-groups", "staff,review"),
    ];
    let by_proxy = [&alice[..], &[("x-xray-proxy-secret", secret.as_str())]].concat();
    let proxied = person(&by_proxy);
    let copy = proxied.after("/review", "class=\"thumb\" href=\"");
    let seen = proxied.after(&copy, "name=\"seen\" value=\"");
    let form = format!(
        "form_token={}&seen={seen}&decision=reject",
        proxied.form_token()
    );
    for (pairs, status) in [
        (alice.to_vec(), 401),
        ([&alice[..], &[("x-xray-proxy-secret", "")]].concat(), 401),
        (
            [&alice[..], &[("x-xray-proxy-secret", &secret[1..])]].concat(),
            401,
        ),
        // A client's beside the proxy's.
        (
            [&by_proxy[..], &[("x-forwarded-user", "eve")]].concat(),
            401,
        ),
        (
            vec![
                ("x-xray-proxy-secret", secret.as_str()),
                ("x-forwarded-user", "eve"),
                ("x-forwarded-groups", "nobody"),
            ],
            403,
        ),
        (vec![("x-xray-proxy-secret", secret.as_str())], 401),
    ] {
        gets_nothing(&site, &person(&pairs), &copy, &form, &[status]).await;
    }
    let out = format!("form_token={}", proxied.form_token());
    let left = proxied.send("POST", "/logout", &out);
    assert_eq!(left.header("location"), "/oauth/sign_out");
    assert!(
        site.audit(&["list"])
            .contains("refused: without the proxy's secret")
    );
    assert!(!process.printed().contains(&secret));
}

/// Signs a cookie as a page with this key does, for a person who was last seen so long ago.
pub fn signed(key: &str, name: &str, ago: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seen = now.unwrap().as_secs() - ago;
    let claims = json!({"id": "0", "user": name, "began": seen, "seen": seen});
    let text = URL_SAFE_NO_PAD.encode(claims.to_string());
    let signature = xray::secret::hmac_sha256(key.as_bytes(), format!("visit\0{text}").as_bytes());
    format!("__Host-xray={text}.{}", hex::encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn session_behind_a_proxy_ends_when_idle_and_at_the_proxy_too() {
    let site = Site::new(1).await;
    let path = |name: &str| site.dir.path().join(name).display().to_string();
    let (secret, key) = ("0123456789abcdef".repeat(2), "fedcba9876543210".repeat(2));
    fs::write(path("secret"), &secret).unwrap();
    fs::write(path("key"), &key).unwrap();
    let secret_file = path("secret");
    let key_file = path("key");
    let arguments = [
        &["--page-proxy-secret-file", &secret_file][..],
        &["--page-session-key-file", &key_file],
        &GROUPS,
    ]
    .concat();
    let (_first, one) = start(&site, &arguments);
    let (_second, two) = start(&site, &arguments);
    let alice = |page: &Visitor| {
        let headers = vec![
            ("x-forwarded-user", "alice".to_owned()),
            ("x-forwarded-groups", "review".to_owned()),
            ("x-xray-proxy-secret", secret.clone()),
        ];
        Person::new(page, headers)
    };
    let person = alice(&one);
    let first = person.get("/review");
    let set = first.header("set-cookie");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(part), "{set}");
    }
    assert_eq!(person.get("/review").header("set-cookie"), "");
    // The other page takes its form: they have one key.
    let other = alice(&two);
    *other.cookie.borrow_mut() = person.cookie.borrow().clone();
    let next = format!("form_token={}", person.form_token());
    assert_eq!(other.send("POST", "/review/next", &next).status, 303);

    *person.cookie.borrow_mut() = signed(&key, "alice", 800);
    let used = person.get("/review");
    assert_eq!(used.status, 200);
    assert!(!used.header("set-cookie").is_empty(), "it counts");
    for ago in [901, 9 * 3600] {
        let copy = person.after("/review", "class=\"thumb\" href=\"");
        let idle = signed(&key, "alice", ago);
        *person.cookie.borrow_mut() = idle.clone();
        for path in ["/events", &format!("{copy}/decide"), "/alive"] {
            let refused = person.send("POST", path, &next);
            assert_eq!(refused.status, 401, "{path}");
            assert!(refused.body.len() < 100);
        }
        assert_eq!(person.send("GET", "/review", "").status, 303);
        *person.cookie.borrow_mut() = idle;
        let over = person.get(&copy);
        let to = over.header("location");
        assert_eq!((over.status, to), (303, "/oauth2/sign_out"));
        assert!(over.header("set-cookie").contains("Max-Age=0"));
        // Whom the proxy signs in again begins another one.
        assert_eq!(*person.cookie.borrow(), "__Host-xray=");
        assert_eq!(person.get("/review").status, 200);
    }
    assert_eq!(site.waiting().await, 1);
    let listed = site.audit(&["list", "--who", "alice"]);
    assert_eq!(listed.matches("signed in by the proxy").count(), 3);
}

#[test]
fn proxy_needs_an_address_groups_and_https() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("keys"),
        "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n",
    )
    .unwrap();
    fs::write(dir.path().join("secret"), "short").unwrap();
    let url = ["--page-url", URL];
    let issuer = ["--page-oidc-issuer", "https://issuer.example"];
    let audience = ["--page-oidc-audience", "page"];
    let secret = ["--page-proxy-secret-file", "secret"];
    let ca = ["--page-proxy-ca", "ca"];
    let group = [GROUPS[0]];
    for (arguments, said) in [
        (vec![&url[..], &issuer, &group], "--page-oidc-audience"),
        (vec![&issuer[..], &audience, &group], "--page-url"),
        (vec![&url[..], &issuer, &audience], "--page-group"),
        (vec![&url[..], &secret], "--page-group"),
        (vec![&url[..], &secret, &group], "openssl rand -hex 32"),
        (vec![&url[..], &ca, &group], "--page-tls-cert"),
        (vec![&url[..], &secret, &ca, &group], "cannot be used with"),
        (
            vec![&url[..], &secret, &group, &issuer, &audience],
            "cannot be used with",
        ),
        (
            vec![
                &url[..],
                &["--page-oidc-issuer", "http://a"],
                &audience,
                &group,
            ],
            "must begin with https://",
        ),
        (
            vec![&url[..], &issuer, &audience, &["--page-group", "x=boss"]],
            "a role is",
        ),
    ] {
        let mut command = crate::roles::xray(&["page", "--listen", "127.0.0.1:0"]);
        command
            .args(["--page-credentials-file", "keys"])
            .args(arguments.concat());
        let output = command.current_dir(dir.path()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && text.contains(said),
            "{said}: {text}"
        );
    }
}
