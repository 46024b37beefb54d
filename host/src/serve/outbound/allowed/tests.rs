use super::*;

#[test]
fn rules_match_uris() {
    let cases = [
        ("http://example.com", "http://example.com/a?b", true),
        ("http://example.com", "http://EXAMPLE.com:80", true),
        ("http://example.com", "http://example.com:81", false),
        ("http://example.com", "https://example.com", false),
        ("http://example.com/", "http://example.com/x", true),
        ("http://example.com", "http://example.com.evil.org", false),
        ("http://example.com", "http://sub.example.com", false),
        ("https://example.com:8443", "https://example.com:8443", true),
        ("https://example.com:8443", "https://example.com", false),
        ("*://example.com:80", "http://example.com", true),
        ("*://example.com:80", "https://example.com:80", true),
        ("*://example.com:*", "https://example.com", true),
        ("https://*.example.com", "https://a.b.example.com", true),
        ("https://*.example.com", "https://example.com", false),
        ("https://*.example.com", "https://badexample.com", false),
        ("http://h:8000..8010", "http://h:8000", true),
        ("http://h:8000..8010", "http://h:8009", true),
        ("http://h:8000..8010", "http://h:8010", false),
        ("http://h:65535", "http://h:65535", true),
        ("*://*:*", "https://anything.example:1", true),
        ("http://*", "http://anything.example", true),
        ("http://*", "http://anything.example:81", false),
        ("http://10.0.0.0/8:*", "http://10.1.2.3:9", true),
        ("http://10.0.0.0/8:*", "http://11.1.2.3:9", false),
        ("http://10.0.0.0/8", "http://ten.example", false),
        ("http://0.0.0.0/0", "http://8.8.8.8", true),
        ("http://[fd00::]/8:80", "http://[fd12::1]", true),
        ("http://[::1]:8080", "http://[::1]:8080", true),
        ("http://[::1]", "http://[::2]", false),
        ("http://self", "http://self.alt/x", true),
        ("http://self.alt", "http://self.alt:3000/x", true),
        ("http://self", "http://other", false),
    ];
    for (rule, uri, expected) in cases {
        let hosts = AllowedHosts::parse(&[rule]).unwrap();
        assert_eq!(
            hosts.allows(&uri.parse().unwrap()),
            expected,
            "{rule} {uri}"
        );
    }
    assert!(!AllowedHosts::default().allows(&"http://h".parse().unwrap()));
}

#[test]
fn invalid_rules_are_named_in_errors() {
    let bad = [
        "example.com",
        "*",
        "insecure:allow-all",
        "http://",
        "http://a/b",
        "http://u@h",
        "*://h",
        "http://a.*.b",
        "http://*a",
        "http://h:port",
        "http://h:9..9",
        "http://h:70000",
        "http://10.0.0.0/33",
        "http://x.spin.internal",
        "amqp://h",
        "http://h?x",
        "h t://x",
    ];
    for rule in bad {
        let error = format!("{:#}", AllowedHosts::parse(&[rule]).unwrap_err());
        assert!(error.contains(rule), "{error}");
    }
}
