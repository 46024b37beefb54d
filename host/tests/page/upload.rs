//! Uploads on the page, over HTTP as anybody could send them.

use std::fs;

use bytes::Bytes;
use phantoms::{Kind, Phantom, Style};
use testkit::process::HostProcess;

use crate::{
    client::{Reply, Visitor},
    review::Site,
};

/// Name of a file that holds a patient's, and may appear nowhere.
const NAME: &str = "demo_DOE^JOHN_4711_1960-01-02_2020.jpeg";

/// A file that arrives with its request's head: nobody may wait for the rest of a refused one.
const SMALL: &[u8] = b"\xFF\xD8\xFF\xE0";

/// Somebody who may upload, or not.
struct Person {
    visitor: Visitor,
    token: String,
}

impl Person {
    fn new(site: &Site, visitor: &Visitor, name: &str) -> Self {
        let visitor = site.visitor(visitor, name);
        let text = visitor.get("/upload").text();
        let token = text.split("name=\"form_token\" value=\"").nth(1);
        let token = token.map_or(String::new(), |rest| {
            rest.split('"').next().unwrap().to_owned()
        });
        Self { visitor, token }
    }

    fn upload(&self, file: &[u8]) -> Reply {
        self.send(&self.token, file, &[])
    }

    /// Sends a form as a browser does.
    fn send(&self, token: &str, file: &[u8], headers: &[(&str, &str)]) -> Reply {
        let head = format!(
            "--b0\r\ncontent-disposition: form-data; name=\"form_token\"\r\n\r\n{token}\r\n--b0\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"{NAME}\"\r\ncontent-type: image/jpeg\r\n\r\n"
        );
        let body = [head.as_bytes(), file, b"\r\n--b0--\r\n"].concat();
        let origin = format!("http://{}", self.visitor.host);
        let mut all = headers.to_vec();
        for (name, value) in [
            ("origin", origin.as_str()),
            ("content-type", "multipart/form-data; boundary=b0"),
        ] {
            if !all.iter().any(|(own, _)| *own == name) {
                all.push((name, value));
            }
        }
        self.visitor.send("POST", "/upload", &all, body)
    }
}

fn arguments(site: &Site, role: &str) -> Vec<String> {
    let keys = site.dir.path().join("keys").display().to_string();
    let role = format!("--page-upload{role}");
    let file = "--page-upload-credentials-file".to_owned();
    vec![role, file, keys, "--page-upload-limit=8".to_owned()]
}

/// Returns the keys in the input bucket.
async fn stored(site: &Site) -> Vec<String> {
    let page = site.client.list("xrays", "", "", 100).await.unwrap();
    page.objects.into_iter().map(|object| object.key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clinician_uploads_pictures_under_names_that_the_page_draws() {
    let site = Site::new(0).await;
    let arguments = arguments(&site, "");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (process, visitor) = site.start_with(&arguments);
    let carl = Person::new(&site, &visitor, "carl");
    assert_eq!(carl.visitor.get("/").header("location"), "/upload");

    let jpeg = Phantom::draw(3, 0).jpeg;
    let png = b"\x89PNG\r\n\x1a\nnot decoded here".to_vec();
    let (_, dicom) = Phantom::draw_dicom(7, 0, Kind::Normal, &Style::default());
    for file in [&jpeg, &png, &dicom] {
        let reply = carl.upload(file);
        let to = (reply.status, reply.header("location"));
        assert_eq!(to, (303, "/upload?stored"), "{}", reply.text());
    }
    let page = carl.visitor.get("/upload?stored").text();
    assert!(page.contains("The picture was stored."), "{page}");
    let keys = stored(&site).await;
    let formats = [("jpeg", &jpeg), ("png", &png), ("dcm", &dicom)];
    assert_eq!(keys.len(), 3);
    for (extension, file) in formats {
        let key = keys.iter().find(|key| key.ends_with(extension)).unwrap();
        let name = key.strip_prefix("xray-upload/").expect("the folder");
        let digits = name.strip_suffix(&format!(".{extension}")).unwrap();
        assert!(
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
            "{key}"
        );
        let object = site.client.get("xrays", key).await.unwrap().unwrap();
        assert_eq!(object.body, Bytes::copy_from_slice(file));
        assert!(object.head.metadata.is_empty());
    }

    // What is refused is stored nowhere.
    for (file, status, said) in [
        (
            &b"II*\0 a picture of another kind"[..],
            415,
            "a TIFF; convert it to PNG",
        ),
        (
            b"<html><script>",
            415,
            "Only JPEG, PNG and DICOM files are taken",
        ),
        (b"", 400, "Choose a file first"),
        (&vec![0xFF; (8 << 20) + 1], 413, "larger than 8 MiB"),
        // Also without a length that could be believed.
        (&vec![0xFF; 11 << 20], 413, "larger than 8 MiB"),
    ] {
        let reply = carl.upload(file);
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(reply.text().contains(said), "{said}: {}", reply.text());
    }
    let urlencoded = carl
        .visitor
        .post("/upload", &format!("form_token={}", carl.token));
    assert_eq!(urlencoded.status, 400);
    for token in ["", "0", &format!("{}0", carl.token)] {
        assert_eq!(carl.send(token, SMALL, &[]).status, 403, "{token}");
    }
    for origin in ["http://evil.example", "null"] {
        let reply = carl.send(&carl.token, SMALL, &[("origin", origin)]);
        assert_eq!(reply.status, 403);
    }
    let nobody = Person {
        visitor: visitor.clone(),
        token: carl.token.clone(),
    };
    assert_eq!(nobody.upload(SMALL).status, 401);
    for name in ["vera", "alice"] {
        let mut other = Person::new(&site, &visitor, name);
        assert_eq!(other.visitor.get("/upload").status, 404, "{name}");
        other.token.clone_from(&carl.token);
        assert_eq!(other.upload(SMALL).status, 404, "{name}");
        assert!(!other.visitor.get("/review").text().contains("/upload"));
    }
    assert_eq!(stored(&site).await.len(), 3);

    let listed = site.audit(&["list", "--who", "carl"]);
    for (words, times) in [
        (["upload    intent", "jpeg"], 1),
        (["upload    outcome", "stored"], 3),
        (["upload", "refused: no picture"], 2),
    ] {
        let lines = listed.lines();
        let found = lines.filter(|line| words.iter().all(|word| line.contains(word)));
        assert_eq!(found.count(), times, "{words:?}: {listed}");
    }
    assert!(
        site.audit(&["verify"])
            .contains("0 acts without an outcome")
    );
    let all = site.audit(&["list", "--json"]) + &page + &keys.concat() + &process.printed();
    for part in ["DOE", "4711", "1960"] {
        assert!(!all.contains(part), "{part}: {all}");
    }

    // Without the log nothing is stored.
    let store = site.dir.path().join("store");
    fs::rename(store.join("xrays-audit"), site.dir.path().join("gone")).unwrap();
    let reply = carl.upload(&jpeg);
    assert_eq!(reply.status, 502);
    assert!(
        reply.text().contains("not known whether"),
        "{}",
        reply.text()
    );
    assert_eq!(stored(&site).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_nobody_may_make_are_warned_about() {
    let site = Site::new(1).await;
    let is_warned = |process: &HostProcess| {
        let words = "nobody who may sign in has the role clinician, so nobody can upload";
        process.printed().contains(words)
    };
    // The person at the terminal is a reviewer.
    for (role, expect) in [("", true), ("=reviewer", false)] {
        let arguments = arguments(&site, role);
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--page-name", "alice"]);
        let (process, _) = site.start_behind(&arguments);
        assert_eq!(is_warned(&process), expect, "{role}: {}", process.printed());
    }
    // One in the file is a clinician.
    let arguments = arguments(&site, "");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (process, _) = site.start_with(&arguments);
    assert!(!is_warned(&process), "{}", process.printed());
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_is_for_the_role_that_the_flag_names() {
    let site = Site::new(1).await;
    let status = |visitor: &Visitor, name: &str| site.visitor(visitor, name).get("/upload").status;
    for (role, [viewer, reviewer, clinician]) in
        [("=reviewer", [404, 200, 404]), ("=viewer", [200, 200, 200])]
    {
        let arguments = arguments(&site, role);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (_process, visitor) = site.start_with(&arguments);
        for (name, expect) in [("vera", viewer), ("alice", reviewer), ("carl", clinician)] {
            assert_eq!(status(&visitor, name), expect, "{name} {role}");
        }
    }
    // Without the flag there is no such page.
    let (_process, visitor) = site.start();
    for name in ["vera", "alice", "carl"] {
        assert_eq!(status(&visitor, name), 404, "{name}");
    }
}
