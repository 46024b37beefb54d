//! Signing, held to AWS's published vectors at each stage and to the examples in S3's
//! documentation.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use s3::{
    Action, Addressing, Endpoint, GetObject, NewObject, Precondition, PutObject, Secret, Sns,
    sigv4::{self, Scope},
};
use serde_json::Value;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

/// Vectors that sign a normalized path. S3 signs keys as they are.
const NORMALIZED: [&str; 6] = [
    "get-relative-normalized",
    "get-relative-relative-normalized",
    "get-slash-dot-slash-normalized",
    "get-slash-normalized",
    "get-slash-pointless-dot-normalized",
    "get-slashes-normalized",
];

struct Vector {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

fn parse(request: &str) -> Vector {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let (method, rest) = first.split_once(' ').unwrap();
    let target = rest.strip_suffix(" HTTP/1.1").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut folded: Vec<String> = Vec::new();
    for line in lines {
        match folded.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line);
            }
            _ => folded.push(line.to_owned()),
        }
    }
    let mut headers = HeaderMap::new();
    for line in folded {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    // The vectors hold most paths and queries unencoded; requests carry them encoded.
    let path = if path.contains('%') {
        path.to_owned()
    } else {
        sigv4::uri_encode(path.as_bytes(), false)
    };
    let query: Vec<String> = query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (name, value) = p.split_once('=').unwrap_or((p, ""));
            let encode = |s: &str| {
                if s.contains('%') {
                    s.to_owned()
                } else {
                    sigv4::uri_encode(s.as_bytes(), true)
                }
            };
            format!("{}={}", encode(name), encode(value))
        })
        .collect();
    Vector {
        method: method.to_owned(),
        path,
        query: query.join("&"),
        headers,
        body: body.to_owned(),
    }
}

#[test]
fn signature_matches_the_published_vectors() {
    let mut run = 0;
    for entry in std::fs::read_dir(VECTORS).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if !folder.is_dir() || NORMALIZED.contains(&name.as_str()) {
            continue;
        }
        let read = |file: &str| {
            std::fs::read_to_string(folder.join(file))
                .unwrap()
                .replace("\r\n", "\n")
        };
        let context: Value = serde_json::from_str(&read("context.json")).unwrap();
        let text = |key: &str| {
            context
                .pointer(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let Vector {
            method,
            path,
            query,
            mut headers,
            body,
        } = parse(&read("request.txt"));
        let time: jiff::Timestamp = text("/timestamp").parse().unwrap();
        let date = sigv4::amz_date(time);
        headers.insert("x-amz-date", date.parse().unwrap());
        let hash = sigv4::sha256_hex(body.as_bytes());
        if context["sign_body"] == true {
            headers.insert("x-amz-content-sha256", hash.parse().unwrap());
        }
        let token = text("/credentials/token");
        if !token.is_empty() && context["omit_session_token"] != true {
            headers.insert("x-amz-security-token", token.parse().unwrap());
        }
        let (region, service) = (text("/region"), text("/service"));
        let canonical = sigv4::canonical_request(&method, &path, &query, &headers, &hash);
        assert_eq!(
            canonical,
            read("header-canonical-request.txt"),
            "{name}: canonical request"
        );
        let to_sign = sigv4::string_to_sign(&date, &region, &service, &canonical);
        assert_eq!(
            to_sign,
            read("header-string-to-sign.txt"),
            "{name}: string to sign"
        );
        let secret = Secret::new(text("/credentials/secret_access_key"));
        let signature = sigv4::signature(&secret, &date, &region, &service, &to_sign);
        assert_eq!(signature, read("header-signature.txt"), "{name}: signature");
        run += 1;
    }
    assert_eq!(run, 32, "vectors that ran");
}

/// The examples of "Authenticating Requests: Using the Authorization Header".
#[test]
fn signature_matches_the_documentation_of_s3() {
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let scope = Scope {
        access_key: "AKIAIOSFODNN7EXAMPLE",
        secret_key: &secret,
        session_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let time = "2013-05-24T00:00:00Z".parse().unwrap();
    let sign = |method: &str, target: &str, headers: &[(&str, &str)], body: &'static str| {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://examplebucket.s3.amazonaws.com{target}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Bytes::from(body)).unwrap();
        sigv4::sign(&mut request, &scope, time).unwrap();
        let text = request.headers()["authorization"]
            .to_str()
            .unwrap()
            .to_owned();
        text.rsplit_once("Signature=").unwrap().1.to_owned()
    };
    for (method, target, headers, body, expect) in [
        (
            "GET",
            "/test.txt",
            &[("range", "bytes=0-9")][..],
            "",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            "Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/?lifecycle",
            &[],
            "",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/?max-keys=2&prefix=J",
            &[],
            "",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        assert_eq!(
            sign(method, target, headers, body),
            expect,
            "{method} {target}"
        );
    }
}

#[test]
fn default_port_is_not_signed() {
    let secret = Secret::new("secret");
    let scope = Scope {
        access_key: "key",
        secret_key: &secret,
        session_token: None,
        region: "r",
        service: "s3",
    };
    let signature = |uri: &str| {
        let mut request = Request::get(uri).body(Bytes::new()).unwrap();
        sigv4::sign(&mut request, &scope, jiff::Timestamp::UNIX_EPOCH).unwrap();
        request.headers()["authorization"].clone()
    };
    assert_eq!(
        signature("http://host/b/k"),
        signature("http://host:80/b/k")
    );
    assert_eq!(
        signature("https://host/b/k"),
        signature("https://host:443/b/k")
    );
    assert_ne!(
        signature("http://host/b/k"),
        signature("http://host:443/b/k")
    );
}

#[test]
fn length_is_set_but_not_signed() {
    let secret = Secret::new("secret");
    let scope = Scope {
        access_key: "key",
        secret_key: &secret,
        session_token: None,
        region: "r",
        service: "s3",
    };
    for (method, body, length) in [
        ("GET", "", None),
        ("PUT", "", Some("0")),
        ("POST", "", Some("0")),
        ("PUT", "hello", Some("5")),
        ("DELETE", "", None),
    ] {
        let request = Request::builder().method(method).uri("http://host/b/k");
        let mut request = request.body(Bytes::from(body)).unwrap();
        sigv4::sign(&mut request, &scope, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(header("content-length"), length, "{method} {body:?}");
        assert!(!header("authorization").unwrap().contains("content-length"));
    }
}

#[test]
fn sns_actions_are_signed_for_their_service_with_parameters_in_the_body() {
    let endpoint = Endpoint::parse("http://rgw", Addressing::VirtualHost).unwrap();
    let parameters = &[("Action", "CreateTopic"), ("Name", "a b")];
    let request = Sns { parameters }.request(&endpoint).unwrap();
    assert_eq!(
        (Sns::SERVICE, request.uri().to_string()),
        ("sns", "http://rgw/".into())
    );
    assert_eq!(&request.body()[..], b"Action=CreateTopic&Name=a%20b");
}

#[test]
fn secret_debug_is_redacted() {
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
}

#[test]
fn bucket_goes_where_the_addressing_says() {
    for (addressing, expect) in [
        (
            Addressing::Path,
            "http://rgw:7480/bucket/a%20b/%2B%25%20%C3%A9?versionId=v%2F1",
        ),
        (
            Addressing::VirtualHost,
            "http://bucket.rgw:7480/a%20b/%2B%25%20%C3%A9?versionId=v%2F1",
        ),
    ] {
        let endpoint = Endpoint::parse("http://rgw:7480/", addressing).unwrap();
        let get = GetObject {
            bucket: "bucket",
            key: "a b/+% é",
            version: Some("v/1"),
            if_match: None,
            first_bytes: Some(1),
        };
        assert_eq!(
            get.request(&endpoint).unwrap().headers()["range"],
            "bytes=0-0"
        );
        assert_eq!(get.request(&endpoint).unwrap().uri(), expect);
    }
}

#[test]
fn endpoint_rejects_anything_but_scheme_host_and_port() {
    for bad in [
        "rgw:7480",
        "ftp://rgw",
        "http://",
        "http://:80",
        "http://rgw:",
        "http://rgw:99999",
        "http://rgw/path",
        "http://user@rgw",
        "http://rgw?x=1",
    ] {
        assert!(Endpoint::parse(bad, Addressing::Path).is_err(), "{bad}");
    }
}

#[test]
fn put_carries_type_digest_metadata_and_precondition() {
    let endpoint = Endpoint::parse("http://rgw", Addressing::Path).unwrap();
    let mut object = NewObject {
        body: "hello".into(),
        content_type: "image/png",
        metadata: vec![("xray-model", "abc".into())],
        precondition: Precondition::Absent,
    };
    let request = |object: &NewObject| {
        let put = PutObject {
            bucket: "b",
            key: "k",
            object,
        };
        put.request(&endpoint).unwrap()
    };
    let put = request(&object);
    let header = |name: &str| put.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
    assert_eq!(header("x-amz-meta-xray-model"), "abc");
    assert_eq!(header("if-none-match"), "*");
    object.precondition = Precondition::Unchanged("tag".into());
    assert_eq!(request(&object).headers()["if-match"], "tag");
}

#[test]
fn signature_covers_the_digest_that_the_body_has() {
    let endpoint = Endpoint::parse("http://rgw", Addressing::Path).unwrap();
    let object = NewObject {
        body: "hello".into(),
        content_type: "image/png",
        metadata: Vec::new(),
        precondition: Precondition::Absent,
    };
    let put = PutObject {
        bucket: "b",
        key: "k",
        object: &object,
    };
    let secret_key = Secret::new("secret");
    let scope = Scope {
        access_key: "key",
        secret_key: &secret_key,
        session_token: None,
        region: "r",
        service: "s3",
    };
    let mut fresh = put.request(&endpoint).unwrap();
    sigv4::sign(&mut fresh, &scope, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let expect = sigv4::sha256_hex(b"hello");
    assert_eq!(fresh.headers()["x-amz-content-sha256"], expect.as_str());
    assert_eq!(fresh.body(), "hello");
    // Signing a second time hashes what the body is by then.
    *fresh.body_mut() = "other".into();
    sigv4::sign(&mut fresh, &scope, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let expect = sigv4::sha256_hex(b"other");
    assert_eq!(fresh.headers()["x-amz-content-sha256"], expect.as_str());
}
