//! The page over HTTP, on a store that fails in the middle.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use ::http::{Method, Request, Response};
use bytes::Bytes;
use fake_gateway::store::Store;
use s3::{Addressing, Endpoint, NewObject, Precondition, PutObject, Retry, Transport};

use super::{
    review::{Step, Verdict},
    *,
};

/// Returns the text between two marks.
fn between<'a>(text: &'a str, mark: &str, end: char) -> &'a str {
    let rest = text.split(mark).nth(1).expect(mark);
    rest.split(end).next().unwrap()
}

/// A transport whose store fails for records of the review once a decision is stored.
fn failing(store: &Store) -> Transport {
    let (inner, is_decided) = (store.transport(), Arc::new(AtomicBool::new(false)));
    Transport::from_fn(move |request: Request<Bytes>| {
        let (inner, is_decided) = (inner.clone(), is_decided.clone());
        async move {
            let is_record = request.uri().path().contains("/xray-review/");
            let is_decision = request.method() == Method::PUT
                && String::from_utf8_lossy(request.body()).contains("\"verdict\"");
            if is_record && is_decided.load(Ordering::SeqCst) {
                return Ok(Response::builder().status(503).body(Bytes::new())?);
            }
            let response = inner.send(request).await?;
            is_decided.fetch_or(is_record && is_decision, Ordering::SeqCst);
            Ok(response)
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_is_confirmed_though_the_next_copy_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = fake_gateway::random_credentials();
    let store = Store::builder(dir.path(), credentials.clone());
    let store = store.bucket("in-quarantine").bucket("in-anonymized");
    let store = store.bucket("in-audit").open().unwrap();
    let client = |transport| {
        let endpoint = Endpoint::parse("http://store.example", Addressing::Path).unwrap();
        let retry = Retry {
            attempts: 2,
            pause: Duration::from_millis(1),
        };
        Client::new(endpoint, credentials.clone(), transport).with_retry(retry)
    };
    let sound = client(store.transport());
    let object = &NewObject {
        body: Bytes::from_static(b"\xFF\xD8\xFF\xE0").into(),
        content_type: "image/jpeg",
        metadata: vec![("xray-source", "source".to_owned())],
        precondition: Precondition::Seen,
    };
    let (bucket, key) = ("in-quarantine", "one.jpeg");
    let put = PutObject {
        bucket,
        key,
        object,
    };
    let etag = sound.send(&put).await.unwrap().unwrap();

    let config = xray::config::Config::from_lookup(|name| match name {
        "s3_access_key" | "s3_secret_key" => Some("key".to_owned()),
        _ => None,
    });
    let config = config.unwrap();
    let review = Review::new(client(failing(&store)), config.buckets("in")).unwrap();
    let options = Options {
        address: ([127, 0, 0, 1], 0).into(),
        people: People::Terminal,
        url: None,
        tls: None,
        session_key: None,
        local: Roles::ALL,
        name: Some("alice".to_owned()),
        review: Some(review),
        module: None,
        is_of_all: false,
        upload: None,
    };
    let page = Page::start(options, Live::new(config), sound.clone(), None);
    let page = page.await.unwrap();
    let entrance = page.entrance();
    let (origin, path) = entrance.split_at(entrance.rfind("/enter").unwrap());
    let host = origin.strip_prefix("http://").unwrap();
    let ask = async |method: Method, path: &str, cookie: &str, form: String| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", page.address))
            .header("host", host)
            .header("origin", origin)
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Bytes::from(form)).unwrap();
        let response = Transport::http().send(request).await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let text = String::from_utf8_lossy(response.body()).into_owned();
        let status = response.status().as_u16();
        (status, header("location"), header("set-cookie"), text)
    };
    let (status, _, cookie, _) = ask(Method::GET, path, "", String::new()).await;
    assert_eq!(status, 303);
    let cookie = cookie.split(';').next().unwrap();
    let (_, _, _, text) = ask(Method::GET, "/review", cookie, String::new()).await;
    let token = between(&text, "name=\"form_token\" value=\"", '"');
    let copy = between(&text, "class=\"thumb\" href=\"", '"');
    let form = format!("form_token={token}&seen={etag}&decision=release");
    let decide = format!("{copy}/decide");
    let (status, location, _, text) = ask(Method::POST, &decide, cookie, form.clone()).await;
    assert_eq!((status, location.as_str()), (303, "/review"), "{text}");
    // Of the same again it is not known, and nobody says that nothing happened.
    let (status, _, _, text) = ask(Method::POST, &decide, cookie, form).await;
    assert_eq!(status, 502);
    assert!(
        text.contains("It is not known whether this was done"),
        "{text}"
    );

    let other = Arc::new(Review::new(sound, page.live.config().buckets("in")).unwrap());
    let id = copy.trim_start_matches("/review/");
    let step = other
        .decide(id, &etag, Verdict::Reject, "bob", 0)
        .await
        .unwrap();
    let refused = review::Refusal::Decided("alice".to_owned());
    assert_eq!(step, Step::Refused(refused));
}
