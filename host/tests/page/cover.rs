//! Covering more of a copy, and DICOM copies: by the component, which nobody else reaches.

use std::{process::Command, time::Duration};

use bytes::Bytes;
use image::GenericImageView;
use phantoms::{Kind, Phantom, Style};
use s3::{Addressing, Client, Credentials, Endpoint, Transport};

use crate::{
    client::{Reply, Visitor},
    demo::Demo,
};

const ANONYMIZED: &str = "xray-data-in-anonymized";

/// Somebody who has signed in to the page of a demo, and its store.
struct Site {
    demo: Demo,
    visitor: Visitor,
    token: String,
    client: Client,
    endpoint: String,
    credentials: Credentials,
    function: String,
}

/// Returns the word behind a mark.
fn after(text: &str, mark: &str) -> String {
    let rest = text.split(mark).nth(1).expect(mark);
    let word = rest.split([' ', '\n', '"', ',']).next().expect("a word");
    word.to_owned()
}

impl Site {
    fn new() -> Option<Self> {
        // Every copy covers more than is allowed, so that all are reviewed.
        let demo = Demo::with(&["anonymize=all", "max_redacted=0.001"])?;
        let printed = demo.process.printed();
        let (mut visitor, entrance) = demo.visitor();
        visitor.cookie = visitor.get(entrance).cookie();
        let endpoint = after(&printed, "The store goes on at ");
        let credentials = Credentials::new(
            after(&printed, "AWS_ACCESS_KEY_ID="),
            after(&printed, "AWS_SECRET_ACCESS_KEY="),
        );
        let parsed = Endpoint::parse(&endpoint, Addressing::Path).unwrap();
        let text = visitor.get("/review").text();
        Some(Self {
            client: Client::new(parsed, credentials.clone(), Transport::http()),
            function: after(&printed, "the function at http://"),
            token: after(&text, "name=\"form_token\" value=\""),
            demo,
            visitor,
            endpoint,
            credentials,
        })
    }

    fn post(&self, path: &str, form: &str) -> Reply {
        let form = format!("form_token={}&{form}", self.token);
        self.visitor.post(path, &form)
    }

    /// Returns the paths of the waiting copies.
    fn waiting(&self) -> Vec<String> {
        let text = self.visitor.get("/review").text();
        let rows = text.split("class=\"thumb\" href=\"").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned())
            .collect()
    }

    /// Returns the ETag in the form on a copy's page.
    fn seen(&self, copy: &str) -> String {
        let text = self.visitor.get(copy).text();
        after(&text, "name=\"seen\" value=\"")
    }

    async fn until<T>(&self, what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
        for _ in 0..300 {
            if let Some(found) = found().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what}: {}", self.demo.process.printed());
    }

    /// Waits for the first released copy, and returns its key.
    async fn released(&self) -> String {
        let listed = self.until("it is released", async || {
            let page = self.client.list(ANONYMIZED, "", "", 10).await.unwrap();
            page.objects.into_iter().next()
        });
        listed.await.key
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewer_covers_more_of_a_copy() {
    let Some(site) = Site::new() else {
        return;
    };
    let copy = &site.waiting()[0];
    let picture = || {
        let reply = site.visitor.get(&format!("{copy}/copy"));
        assert_eq!(reply.header("content-type"), "image/jpeg");
        image::load_from_memory(&reply.body).unwrap()
    };
    let (before, seen) = (picture(), site.seen(copy));
    let cover = |seen: &str, boxes: &str| {
        let form = format!("seen={seen}&boxes={boxes}");
        site.post(&format!("{copy}/cover"), &form)
    };
    // Nothing, too much, beside the picture, and other bytes than those that were seen.
    let many = vec!["1,1,1,1"; 201].join(";");
    for (seen, boxes, status) in [
        (seen.as_str(), "", 400),
        (&seen, "1,2,3", 400),
        (&seen, &many, 400),
        (&seen, "100000,0,10,10", 502),
        ("0123", "320,240,64,48", 409),
    ] {
        assert_eq!(cover(seen, boxes).status, status, "{boxes}");
    }
    assert_eq!(site.seen(copy), seen, "nothing has changed");

    let covered = cover(&seen, "320,240,64,48;8,8,16,16");
    assert_eq!(
        (covered.status, covered.header("location")),
        (303, copy.as_str())
    );
    let after = picture();
    let is_in = |x: u32, y: u32, [left, top, width, height]: [u32; 4], by: u32| {
        (left.saturating_sub(by)..left + width + by).contains(&x)
            && (top.saturating_sub(by)..top + height + by).contains(&y)
    };
    let boxes = [[320, 240, 64, 48], [8, 8, 16, 16]];
    let (width, height) = before.dimensions();
    for (x, y, pixel) in after.pixels() {
        if boxes.iter().any(|rect| is_in(x, y, *rect, 0)) {
            assert!(pixel.0[0] < 4, "{x},{y} is {}", pixel.0[0]);
        } else if !boxes.iter().any(|rect| is_in(x, y, *rect, 16))
            && x + 16 < width
            && y + 16 < height
        {
            assert_eq!(pixel, before.get_pixel(x, y), "{x},{y}");
        }
    }
    let text = site.visitor.get(copy).text();
    assert!(text.contains("Covered further: no text found"), "{text}");
    assert!(text.contains("covered further by local"), "{text}");
    assert_ne!(site.seen(copy), seen);
    assert_eq!(
        cover(&seen, "1,1,9,9").status,
        409,
        "of bytes that are gone"
    );
    // It can be released, as what it is now.
    let form = format!("seen={}&decision=release", site.seen(copy));
    assert_eq!(site.post(&format!("{copy}/decide"), &form).status, 303);
    assert_eq!(site.post("/review/now", "").status, 204);
    let key = site.released().await;
    let released = site.client.get(ANONYMIZED, &key).await.unwrap().unwrap();
    assert!(image::load_from_memory(&released.body).unwrap() == after);
    assert!(!released.head.get("xray-source").is_empty());
    // The live view has a card in its place.
    let mut cards = 0;
    for event in 1..=6 {
        let card = site.visitor.get(&format!("/picture/{event}/quarantined"));
        assert_eq!(card.status, 200);
        if card.header("content-type") == "image/svg+xml" {
            assert!(card.text().contains("Released"), "{}", card.text());
            cards += 1;
        }
    }
    assert_eq!(cards, 1);

    let mut audit = Command::new(env!("CARGO_BIN_EXE_xray"));
    audit
        .args(["audit", "list"])
        .env("SPIN_VARIABLE_S3_ENDPOINT", &site.endpoint)
        .env("AWS_ACCESS_KEY_ID", &site.credentials.access_key)
        .env(
            "AWS_SECRET_ACCESS_KEY",
            site.credentials.secret_key.expose(),
        )
        .current_dir(site.demo.dir.path());
    let output = audit.output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{listed}");
    for part in ["2 boxes", "refused: other bytes", "taken", "signed in"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_requests_to_the_function_are_made_in_its_process_only() {
    let Some(site) = Site::new() else {
        return;
    };
    let outside = Visitor::new(site.function.trim_end_matches('/'));
    let phantom = Phantom::draw(1, 0);
    // The form token of a session, and guesses at the page's secret, which no page shows.
    for path in ["/page/cover", "/page/show", "/"] {
        for token in ["", "0", &"0".repeat(64), &site.token] {
            let headers = [
                ("x-xray-page-token", token),
                ("x-xray-boxes", "1,1,9,9"),
                ("content-type", "application/octet-stream"),
            ];
            let reply = outside.send("POST", path, &headers, &phantom.jpeg);
            // It is read as an event, not as a picture.
            let said = reply.text();
            assert_eq!(reply.header("content-type"), "application/problem+json");
            assert!(
                said.contains("\"reason\":\"not-an-event\""),
                "{path}: {said}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dicom_copies_are_shown_and_decided() {
    let Some(site) = Site::new() else {
        return;
    };
    let before = site.waiting();
    let (phantom, object) = Phantom::draw_dicom(7, 0, Kind::Pneumonia, &Style::default());
    let key = format!("{}.dcm", phantom.patient.file_name());
    let put = site.client.put(
        "xray-data-in",
        &key,
        "application/dicom",
        Bytes::from(object),
    );
    put.await.unwrap();
    let copy = site.until("the copy is in the queue", async || {
        let waiting = site.waiting();
        waiting.into_iter().find(|copy| !before.contains(copy))
    });
    let copy = copy.await;
    let shown = site.visitor.get(&format!("{copy}/copy"));
    assert_eq!(
        (shown.status, shown.header("content-type")),
        (200, "image/png")
    );
    let size = image::load_from_memory(&shown.body).unwrap().dimensions();
    assert!(size.0 > 200 && size.1 > 200, "{size:?}");
    // The live view too.
    for kind in ["source", "labeled", "quarantined"] {
        let reply = site.visitor.get(&format!("/picture/7/{kind}"));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "image/png"),
            "{kind}"
        );
    }
    let boxes = format!("seen={}&boxes=10,10,40,30", site.seen(&copy));
    assert_eq!(site.post(&format!("{copy}/cover"), &boxes).status, 303);
    let form = format!("seen={}&decision=release", site.seen(&copy));
    assert_eq!(site.post(&format!("{copy}/decide"), &form).status, 303);
    assert_eq!(site.post("/review/now", "").status, 204);
    let released = site.released().await;
    assert!(released.ends_with(".dcm"), "a key of its form");
    let object = site.client.get(ANONYMIZED, &released).await.unwrap();
    let object = object.unwrap();
    assert_eq!(
        object.head.content_type.as_deref(),
        Some("application/dicom")
    );
    assert_eq!(&object.body[128..132], b"DICM");
    let card = site.visitor.get("/picture/7/quarantined");
    assert_eq!(card.header("content-type"), "image/svg+xml");
    assert!(card.text().contains("Released"), "{}", card.text());
}
