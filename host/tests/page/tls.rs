//! TLS by the page itself.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use http::{Request, StatusCode, header};
use testkit::missing;
use xray_host::serve::outbound::client::{Client, empty};

use crate::review::Site;

/// Makes a certificate for loopback and its key.
fn certificate(dir: &Path) -> bool {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=page"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
    // An authority's certificate is not accepted as a server's.
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-keyout", "tls.key", "-out", "tls.crt"]);
    match openssl.current_dir(dir).output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            true
        }
        Err(_) => {
            missing("openssl", "install it");
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_with_a_certificate_serves_https_alone() {
    let site = Site::new(1).await;
    if !certificate(site.dir.path()) {
        return;
    }
    let path = |name: &str| site.dir.path().join(name).display().to_string();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    let tls = ["--page-tls-cert", &certificate, "--page-tls-key", &key];
    let (process, visitor) = site.start_with(&tls);
    let address = &visitor.host;
    assert!(
        process
            .printed()
            .contains(&format!("Page at https://{address}/"))
    );

    let trusted = std::fs::read_to_string(&certificate).unwrap();
    let client = Client::trusting(&trusted).unwrap();
    let get = |url: String| client.send(Request::get(url).body(empty()).unwrap(), None);
    let response = get(format!("https://{address}/login")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(
        response
            .headers()
            .contains_key(header::STRICT_TRANSPORT_SECURITY)
    );
    let port = address.rsplit(':').next().unwrap();
    let response = get(format!("https://localhost:{port}/login"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // Nothing is said without TLS, and nothing to another host.
    assert!(get(format!("http://{address}/login")).await.is_err());
    let mut request = Request::get(format!("https://{address}/login"))
        .body(empty())
        .unwrap();
    let evil = header::HeaderValue::from_static("evil.example");
    request.headers_mut().insert(header::HOST, evil);
    let response = client.send(request, None).await.unwrap();
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    // A form of the page by its address with https.
    let sign_in = |origin: String| {
        let (_, token) = site
            .people()
            .into_iter()
            .find(|(name, _)| name == "alice")
            .unwrap();
        let request = Request::post(format!("https://{address}/login"))
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = xray_host::serve::outbound::client::full(format!("token={token}").into());
        client.send(request.body(body).unwrap(), None)
    };
    let response = sign_in(format!("https://{address}")).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let response = sign_in(format!("http://{address}")).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

/// Makes an authority of this name, and a client's certificate by it.
fn authority(dir: &Path, name: &str) {
    let run = |arguments: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        let output = openssl.args(arguments).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let file = |kind: &str| format!("{name}{kind}");
    let (key, certificate) = (file("-ca.key"), file("-ca.crt"));
    run(&[
        "-subj",
        "/CN=authority",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ]);
    let by = ["-CA", &certificate, "-CAkey", &key, "-subj", "/CN=proxy"];
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let out = ["-keyout", &file(".key"), "-out", &file(".crt")];
    run(&[&by[..], &leaf, &out].concat());
}

/// Sends a request over TLS with a client's certificate, if there is one, and returns what comes.
fn send(dir: &Path, address: &str, client: Option<&str>, request: &str) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-quiet", "-connect", address]);
    openssl.args(["-CAfile", "tls.crt", "-verify_return_error"]);
    if let Some(name) = client {
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        openssl.args(["-cert", &certificate, "-key", &key]);
    }
    openssl.current_dir(dir).stdin(Stdio::piped());
    let mut child = openssl
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended already.
    _ = child.stdin.take().unwrap().write_all(request.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_proxy_count_over_its_certificate_alone() {
    let site = Site::new(1).await;
    let dir = site.dir.path();
    if !certificate(dir) {
        return;
    }
    for name in ["proxy", "other"] {
        authority(dir, name);
    }
    let path = |name: &str| dir.join(name).display().to_string();
    let (crt, key, ca) = (path("tls.crt"), path("tls.key"), path("proxy-ca.crt"));
    let tls = ["--page-tls-cert", &crt, "--page-tls-key", &key];
    let proxy = ["--page-proxy-ca", &ca, "--page-group", "review=reviewer"];
    let url = ["--page-url", "https://xray.example.com"];
    let (_process, visitor) = site.start_behind(&[&tls[..], &proxy, &url].concat());
    let request = |headers: &str| {
        format!(
            "GET /review HTTP/1.0\r\nhost: xray.example.com\r\naccept: text/html\r\n{headers}\r\n"
        )
    };
    let alice = request("x-forwarded-user: alice\r\nx-forwarded-groups: review\r\n");
    let said = send(dir, &visitor.host, Some("proxy"), &alice);
    assert!(
        said.contains(" 200 OK") && said.contains("1 copy waits"),
        "{said}"
    );
    let nobody = request("x-forwarded-groups: review\r\n");
    let said = send(dir, &visitor.host, Some("proxy"), &nobody);
    assert!(said.contains(" 401 "), "{said}");
    // Not a word to anybody else.
    for client in [None, Some("other"), Some("tls")] {
        assert_eq!(send(dir, &visitor.host, client, &alice), "", "{client:?}");
    }
}

#[test]
fn certificate_and_key_must_belong_together() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    if !dirs.iter().all(|dir| certificate(dir.path())) {
        return;
    }
    let file = |dir: usize, name: &str| dirs[dir].path().join(name);
    let keys = "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n";
    std::fs::write(file(0, "keys"), keys).unwrap();
    for (certificate, key, said) in [
        (
            file(0, "tls.crt"),
            file(1, "tls.key"),
            "is not the certificate's",
        ),
        (
            file(0, "tls.key"),
            file(0, "tls.key"),
            "no certificate in PEM",
        ),
        (
            file(0, "tls.crt"),
            file(0, "tls.crt"),
            "no private key in PEM",
        ),
        (file(0, "none"), file(0, "tls.key"), "cannot read"),
    ] {
        let mut command = crate::roles::xray(&["page", "--listen", "127.0.0.1:0"]);
        command.arg("--page-credentials-file").arg(file(0, "keys"));
        command.arg("--page-tls-cert").arg(certificate);
        command.arg("--page-tls-key").arg(key);
        let output = command.current_dir(dirs[0].path()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && text.contains(said),
            "{said}: {text}"
        );
    }
}
