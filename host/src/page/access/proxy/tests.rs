//! Tokens and headers, good and bad.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use http::HeaderValue;
use serde_json::{Value, json};
use testkit::issuer::{Signer, by_secret, unsigned};

use super::{
    jws::Jwk,
    keys::{Fetch, Keys},
    token::Settings,
    *,
};
use crate::page::access::{proxy::groups::parse, roles::Roles};

const NOW: Seconds = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";

fn settings() -> Settings {
    Settings {
        issuer: ISSUER.to_owned(),
        audience: "xray-page".to_owned(),
        authorities: None,
        header: "Authorization".to_owned(),
        groups: "groups".to_owned(),
        name: "sub".to_owned(),
    }
}

fn groups() -> Groups {
    Groups::new(vec![
        parse("cn=review,dc=ward=reviewer").unwrap(),
        parse("doctors=clinician").unwrap(),
        parse("all=viewer").unwrap(),
    ])
}

/// Returns a source of keys that counts how often it is asked.
fn fetch(keys: Arc<Mutex<Vec<Value>>>) -> (Box<Fetch>, Arc<AtomicUsize>) {
    let count = Arc::<AtomicUsize>::default();
    let own = count.clone();
    let fetch = move || -> futures_util::future::BoxFuture<'static, Result<Vec<Jwk>>> {
        own.fetch_add(1, Ordering::SeqCst);
        let keys = keys.lock().unwrap().clone();
        Box::pin(async move {
            let keys = keys.into_iter().map(serde_json::from_value);
            Ok(keys.collect::<Result<_, _>>()?)
        })
    };
    (Box::new(fetch), count)
}

fn proxy(signers: &[&Signer], settings: Settings) -> (Proxy, Arc<AtomicUsize>) {
    let keys = signers.iter().map(|signer| signer.jwk()).collect();
    let (fetch, count) = fetch(Arc::new(Mutex::new(keys)));
    let tokens = Tokens::with_keys(Keys::new(fetch), settings).unwrap();
    let proxy = Proxy::new(
        Way::Tokens(Box::new(tokens)),
        groups(),
        "/out".to_owned(),
        None,
    );
    (proxy.unwrap(), count)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn claims() -> Value {
    let now = NOW;
    json!({"iss": ISSUER, "aud": "xray-page", "sub": "auth0|alice", "exp": now + 300, "iat": now,
        "groups": ["doctors", "cn=review,dc=ward", "others"]})
}

fn asked(now: Seconds) -> Asked<'static> {
    Asked {
        cookie: None,
        is_document: true,
        touch: true,
        now,
    }
}

async fn admit(proxy: &Proxy, token: &str) -> Result<Admitted, Refusal> {
    let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
    proxy.admit(&headers, asked(NOW)).await
}

#[tokio::test]
async fn person_of_a_verified_token_has_the_roles_of_its_groups() {
    let signer = Signer::es256("one");
    let (proxy, _) = proxy(&[&signer], settings());
    let admitted = admit(&proxy, &signer.token(&claims())).await.unwrap();
    let session = &admitted.session;
    assert_eq!(session.user.name, "auth0|alice");
    assert_eq!(session.user.roles, Roles::ALL);
    assert!(admitted.is_new && session.form_token.len() == 64);
    assert_eq!(session.stream.unwrap().renew, NOW + 300);
    assert_eq!(session.stream.unwrap().over, NOW + 900);
    // Groups may be a single text, and a name any claim.
    for (change, roles) in [
        (json!({"groups": "all"}), "viewer"),
        (
            json!({"groups": "doctors", "aud": ["other", "xray-page"]}),
            "clinician",
        ),
    ] {
        let mut claims = claims();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let admitted = admit(&proxy, &signer.token(&claims)).await.unwrap();
        assert_eq!(admitted.session.user.roles.names(), [roles]);
    }
}

#[tokio::test]
async fn claims_are_found_by_their_path_and_tokens_in_a_header_of_their_own() {
    let signer = Signer::es256("one");
    let settings = Settings {
        header: "X-Id-Token".to_owned(),
        groups: "realm_access.roles".to_owned(),
        name: "email".to_owned(),
        ..settings()
    };
    let (proxy, _) = proxy(&[&signer], settings);
    let mut claims = claims();
    claims["email"] = "alice@ward.example".into();
    claims["realm_access"] = json!({"roles": ["doctors"]});
    let token = signer.token(&claims);
    for value in [token.clone(), format!("Bearer {token}")] {
        let headers = headers(&[("x-id-token", &value)]);
        let admitted = proxy.admit(&headers, asked(NOW)).await.unwrap();
        assert_eq!(admitted.session.user.name, "alice@ward.example");
        assert_eq!(admitted.session.user.roles.names(), ["clinician"]);
    }
    // In another header it is a client's.
    assert_eq!(admit(&proxy, &token).await.unwrap_err(), Refusal::Missing);
}

#[tokio::test]
async fn token_with_a_fault_is_refused() {
    let (signer, other) = (Signer::es256("one"), Signer::es256("one"));
    let (proxy, _) = proxy(&[&signer], settings());
    let now = NOW;
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value,
        }
        signer.token(&claims)
    };
    let good = signer.token(&claims());
    let (text, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = text.split_once('.').unwrap();
    let others = other.token(&claims());
    let others_claims = changed("groups", "all".into());
    let (others_text, _) = others_claims.rsplit_once('.').unwrap();
    let none = json!({"alg": "none", "kid": "one"});
    let public = serde_json::to_vec(&signer.jwk()).unwrap();
    let cases = [
        // Forged, in every way.
        (others.clone(), Refusal::Signature),
        (format!("{others_text}.{signature}"), Refusal::Signature),
        (format!("{text}."), Refusal::Signature),
        (text.to_owned(), Refusal::Signature),
        (head.to_owned(), Refusal::Signature),
        (String::new(), Refusal::Signature),
        (unsigned(&none, &claims()), Refusal::Signature),
        (
            unsigned(&json!({"alg": "ES256", "kid": "one"}), &claims()),
            Refusal::Signature,
        ),
        (by_secret("one", &public, &claims()), Refusal::Signature),
        (by_secret("one", b"", &claims()), Refusal::Signature),
        (
            signer.token_with(&json!({"alg": "RS256", "kid": "one"}), &claims()),
            Refusal::Key,
        ),
        (
            signer.token_with(&json!({"alg": "ES384", "kid": "one"}), &claims()),
            Refusal::Signature,
        ),
        // A key that the token brings along counts for nothing.
        (
            other.token_with(
                &json!({"alg": "ES256", "kid": "two", "jwk": other.jwk()}),
                &claims(),
            ),
            Refusal::Key,
        ),
        (
            changed("iss", "https://evil.example".into()),
            Refusal::Issuer,
        ),
        (changed("iss", Value::Null), Refusal::Issuer),
        (changed("aud", "other".into()), Refusal::Audience),
        (changed("aud", json!([])), Refusal::Audience),
        (changed("aud", Value::Null), Refusal::Audience),
        (changed("exp", (now - 60).into()), Refusal::Time),
        (changed("exp", Value::Null), Refusal::Time),
        (changed("exp", "tomorrow".into()), Refusal::Time),
        (changed("nbf", (now + 120).into()), Refusal::Time),
        (changed("nbf", "yesterday".into()), Refusal::Time),
        (changed("sub", Value::Null), Refusal::Name),
        (changed("iat", (now + 120).into()), Refusal::Time),
        (changed("exp", Value::Null), Refusal::Time),
        (changed("sub", 7.into()), Refusal::Name),
        (changed("sub", "".into()), Refusal::Name),
        (changed("sub", "a\nb".into()), Refusal::Name),
        (changed("sub", "<b>".into()), Refusal::Name),
        (changed("sub", "a".repeat(129).into()), Refusal::Name),
        (changed("groups", Value::Null), Refusal::Role),
        (changed("groups", json!(["others"])), Refusal::Role),
        (changed("groups", json!({"doctors": true})), Refusal::Role),
    ];
    for (token, expect) in cases {
        let refused = admit(&proxy, &token).await;
        assert_eq!(refused.err(), Some(expect), "{token}");
    }
    // Clocks may differ a little.
    for (name, value) in [("exp", now - 10), ("nbf", now + 10)] {
        assert!(admit(&proxy, &changed(name, value.into())).await.is_ok());
    }
    // A client's token beside the proxy's, and no token.
    let bearer = format!("Bearer {good}");
    let twice = headers(&[("authorization", "Bearer x"), ("authorization", &bearer)]);
    let basic = headers(&[("authorization", "Basic YWxpY2U6eA==")]);
    let named = headers(&[
        ("x-forwarded-user", "alice"),
        ("x-forwarded-groups", "doctors"),
    ]);
    for (headers, expect) in [
        (twice, Refusal::Twice),
        (basic, Refusal::Missing),
        (named, Refusal::Missing),
        (HeaderMap::new(), Refusal::Missing),
    ] {
        let refused = proxy.admit(&headers, asked(now)).await.unwrap_err();
        assert_eq!(refused, expect);
    }
}

#[tokio::test]
async fn unknown_key_is_fetched_at_a_bounded_rate() {
    let (one, two) = (Signer::es256("one"), Signer::es256("two"));
    let published = Arc::new(Mutex::new(vec![one.jwk()]));
    let (fetch, count) = fetch(published.clone());
    let tokens = Tokens::with_keys(Keys::new(fetch), settings()).unwrap();
    let proxy = Proxy::new(
        Way::Tokens(Box::new(tokens)),
        groups(),
        "/out".to_owned(),
        None,
    )
    .unwrap();
    let token = one.token(&claims());
    let all = (0..20).map(|_| admit(&proxy, &token));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // The issuer has another key now; who guesses ids makes no requests.
    published.lock().unwrap().push(two.jwk());
    for _ in 0..50 {
        let refused = admit(&proxy, &two.token(&claims())).await;
        assert_eq!(refused.err(), Some(Refusal::Key));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(admit(&proxy, &token).await.is_ok());
}

#[tokio::test]
async fn keys_that_cannot_be_had_let_nobody_in() {
    let signer = Signer::es256("one");
    let fetch = || -> futures_util::future::BoxFuture<'static, Result<Vec<Jwk>>> {
        Box::pin(async { anyhow::bail!("down") })
    };
    let tokens = Tokens::with_keys(Keys::new(Box::new(fetch)), settings()).unwrap();
    let proxy = Proxy::new(
        Way::Tokens(Box::new(tokens)),
        groups(),
        "/out".to_owned(),
        None,
    )
    .unwrap();
    let refused = admit(&proxy, &signer.token(&claims())).await;
    assert_eq!(refused.err(), Some(Refusal::Issuerless));
    let plain = Settings {
        issuer: "http://issuer.example".to_owned(),
        ..settings()
    };
    assert!(Tokens::new(plain).is_err());
}

#[tokio::test]
async fn headers_count_only_beside_the_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let secret = "0123456789abcdef0123456789abcdef";
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let proxy = by_headers(Beside::secret(&file).unwrap());
    let person = [
        ("x-forwarded-user", "alice"),
        ("x-forwarded-groups", "others, doctors"),
    ];
    let beside = |more: &[(&'static str, &str)]| headers(&[&person[..], more].concat());
    let basic = |password: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("Basic {}", STANDARD.encode(format!("alice:{password}")))
    };
    for good in [
        beside(&[("x-xray-proxy-secret", secret)]),
        beside(&[("authorization", &basic(secret))]),
    ] {
        let admitted = proxy.admit(&good, asked(7)).await.unwrap();
        assert_eq!(admitted.session.user.name, "alice");
        assert_eq!(admitted.session.user.roles.names(), ["clinician"]);
        assert_eq!(admitted.session.stream.unwrap().renew, 7 + STREAM);
    }
    for (bad, expect) in [
        (beside(&[]), Refusal::Secret),
        (beside(&[("x-xray-proxy-secret", "")]), Refusal::Secret),
        (
            beside(&[("x-xray-proxy-secret", &secret[1..])]),
            Refusal::Secret,
        ),
        (beside(&[("authorization", &basic("x"))]), Refusal::Secret),
        (
            beside(&[("authorization", &format!("Bearer {secret}"))]),
            Refusal::Secret,
        ),
        // A client's headers beside the proxy's.
        (
            beside(&[("x-xray-proxy-secret", secret), ("x-forwarded-user", "eve")]),
            Refusal::Twice,
        ),
        (
            beside(&[
                ("x-xray-proxy-secret", secret),
                ("x-forwarded-groups", "doctors"),
            ]),
            Refusal::Twice,
        ),
        (headers(&[("x-xray-proxy-secret", secret)]), Refusal::Name),
        (
            headers(&[("x-xray-proxy-secret", secret), ("x-forwarded-user", "eve")]),
            Refusal::Role,
        ),
    ] {
        let refused = proxy.admit(&bad, asked(7)).await.unwrap_err();
        assert_eq!(refused, expect, "{bad:?}");
    }
    std::fs::write(&file, "short").unwrap();
    assert!(Beside::secret(&file).is_err());
}

fn by_headers(beside: Beside) -> Proxy {
    Proxy::new(Way::Headers(beside), groups(), "/out".to_owned(), None).unwrap()
}

/// Asks as the person of these headers, with the cookie of an earlier response.
async fn visit<'a>(
    proxy: &Proxy,
    name: &str,
    asked: Asked<'a>,
) -> Result<(Session, bool), Refusal> {
    let headers = headers(&[("x-forwarded-user", name), ("x-forwarded-groups", "all")]);
    let admitted = proxy.admit(&headers, asked).await?;
    Ok((admitted.session, admitted.is_new))
}

#[tokio::test]
async fn visit_ends_when_idle_and_after_eight_hours() {
    let proxy = by_headers(Beside::Certificate);
    fn at(cookie: &str, now: Seconds) -> Asked<'_> {
        Asked {
            cookie: Some(cookie),
            ..asked(now)
        }
    }
    let (session, is_new) = visit(&proxy, "alice", asked(NOW)).await.unwrap();
    assert!(is_new);
    let first = session.renewed.unwrap();
    let (again, is_new) = visit(&proxy, "alice", at(&first, NOW + 899)).await.unwrap();
    assert!(!is_new);
    assert_eq!(again.form_token, session.form_token);
    for now in [NOW + 900, NOW + 9_000, NOW - 61] {
        let over = visit(&proxy, "alice", at(&first, now)).await;
        assert_eq!(over.err(), Some(Refusal::Over), "{now}");
    }
    // The live view asks by itself; that does not keep a session, nor begin one.
    let by_itself = Asked {
        is_document: false,
        touch: false,
        ..at(&first, NOW + 600)
    };
    let (session, _) = visit(&proxy, "alice", by_itself).await.unwrap();
    assert_eq!(session.renewed, None);
    assert_eq!(session.stream.unwrap().over, NOW + 900);
    let without = Asked {
        cookie: None,
        ..by_itself
    };
    let unbegun = visit(&proxy, "alice", without).await;
    assert_eq!(unbegun.err(), Some(Refusal::Unbegun));

    let (mut cookie, mut now) = (first.clone(), NOW);
    while now + 600 < NOW + 8 * 3600 {
        now += 600;
        let (session, is_new) = visit(&proxy, "alice", at(&cookie, now)).await.unwrap();
        assert!(!is_new);
        cookie = session.renewed.unwrap();
    }
    let last = NOW + 8 * 3600;
    assert!(visit(&proxy, "alice", at(&cookie, last - 1)).await.is_ok());
    let over = visit(&proxy, "alice", at(&cookie, last)).await;
    assert_eq!(over.err(), Some(Refusal::Over));

    // Another person in the same browser, a changed cookie, and that of a page with another key.
    let (_, is_new) = visit(&proxy, "bob", at(&first, NOW)).await.unwrap();
    assert!(is_new);
    let changed = format!("{first}0");
    let (_, is_new) = visit(&proxy, "alice", at(&changed, NOW)).await.unwrap();
    assert!(is_new);
    let other = by_headers(Beside::Certificate);
    let (_, is_new) = visit(&other, "alice", at(&first, NOW)).await.unwrap();
    assert!(is_new);
}

#[tokio::test]
async fn pages_with_one_key_share_visits() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef").unwrap();
    let [one, two] = [(); 2].map(|()| {
        let way = Way::Headers(Beside::Certificate);
        Proxy::new(way, groups(), "/out".to_owned(), Some(&key)).unwrap()
    });
    let (session, _) = visit(&one, "alice", asked(NOW)).await.unwrap();
    let cookie = session.renewed.unwrap();
    let with = |now| Asked {
        cookie: Some(cookie.as_str()),
        ..asked(now)
    };
    let (other, is_new) = visit(&two, "alice", with(NOW + 1)).await.unwrap();
    assert!(!is_new);
    assert_eq!(other.form_token, session.form_token);
    let over = visit(&two, "alice", with(NOW + 900)).await;
    assert_eq!(over.err(), Some(Refusal::Over));
}

#[test]
fn group_is_mapped_by_its_last_equals_sign() {
    assert_eq!(parse("a=b=viewer").unwrap().0, "a=b");
    for bad in ["", "a", "=viewer", "a=", "a=boss"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    let roles = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        groups().roles(&names)
    };
    assert_eq!(roles(&["all"]), Some(Roles::default()));
    assert_eq!(roles(&["All", "doctor"]), None);
    assert_eq!(roles(&[]), None);
}
