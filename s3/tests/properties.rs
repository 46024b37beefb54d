//! Properties of encoding, endpoints and canonical queries that hold for every input.

use proptest::prelude::*;
use s3::{
    Action, Addressing, Endpoint, GetObject,
    sigv4::{canonical_query, uri_encode},
};

fn decode(encoded: &str) -> Vec<u8> {
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        } else {
            byte
        });
    }
    decoded
}

proptest! {
    #[test]
    fn object_uri_round_trips_every_key(key in "[^\0]{1,200}", version in "[^\0]{1,40}") {
        let endpoint = Endpoint::parse("http://rgw:7480", Addressing::Path).unwrap();
        let get = GetObject { bucket: "bucket", key: &key, version: Some(&version), if_match: Some("e"), first_bytes: None };
        let request = get.request(&endpoint).unwrap();
        let path = request.uri().path().strip_prefix("/bucket/").unwrap();
        prop_assert_eq!(decode(path), key.as_bytes());
        let query = request.uri().query().unwrap().strip_prefix("versionId=").unwrap();
        prop_assert_eq!(decode(query), version.as_bytes());
    }

    #[test]
    fn uri_encode_round_trips_and_is_unreserved(bytes in proptest::collection::vec(any::<u8>(), 0..200), slash: bool) {
        let encoded = uri_encode(&bytes, slash);
        prop_assert_eq!(decode(&encoded), bytes.as_slice());
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b) || (b == b'/' && !slash);
        prop_assert!(encoded.bytes().all(is_plain), "{}", encoded);
        // Hex digits are upper case, as the signature's canonical form wants.
        let lower = encoded.split('%').skip(1).any(|s| s[..2].bytes().any(|b| b.is_ascii_lowercase()));
        prop_assert!(!lower, "{}", encoded);
    }

    #[test]
    fn canonical_query_ignores_the_order_of_parameters(mut pairs in proptest::collection::vec(("[a-z]{1,3}", "[a-z0-9]{0,3}"), 0..8)) {
        let join = |pairs: &[(String, String)]| {
            let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
            pairs.join("&")
        };
        let canonical = canonical_query(&join(&pairs));
        pairs.reverse();
        prop_assert_eq!(&canonical_query(&join(&pairs)), &canonical);
        prop_assert_eq!(canonical_query(&canonical), canonical);
    }

    #[test]
    fn endpoint_parse_never_panics_and_keeps_what_it_accepts(text in "(http://|https://|)[ -~é]{0,30}") {
        if let Ok(endpoint) = Endpoint::parse(&text, Addressing::Path) {
            prop_assert_eq!(endpoint.url(), text.strip_suffix('/').unwrap_or(&text));
            let uri = endpoint.uri("bucket", "key", "").unwrap();
            prop_assert_eq!(uri.path(), "/bucket/key");
            prop_assert!(!uri.host().unwrap().is_empty());
        }
    }

    #[test]
    fn endpoint_parse_accepts_every_host_and_port(host in "[a-z][a-z0-9-]{0,20}(\\.[a-z][a-z0-9]{0,5}){0,3}", port in proptest::option::of(1u16..), tls: bool) {
        let scheme = if tls { "https" } else { "http" };
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let text = format!("{scheme}://{host}{port}");
        for addressing in [Addressing::Path, Addressing::VirtualHost] {
            prop_assert_eq!(Endpoint::parse(&text, addressing).unwrap().url(), text.clone());
        }
    }
}
