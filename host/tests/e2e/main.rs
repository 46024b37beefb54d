//! End to end: the real `.wasm` in the real host against the embedded store, over sockets.

mod bench;
mod spin;
mod taken;
mod traces;
mod world;

use std::collections::BTreeMap;

use bytes::Bytes;
use fake_gateway::notify::Event;
use image::{GenericImageView, GrayImage};
use phantoms::Phantom;
use serde_json::Value;
use taken::Taken;
use world::{ANONYMIZED, BUCKET, PROCESSED, World};
use xray_host::nn::library::Product;

/// Form of a delivery by Kafka's sources and triggers.
const KAFKA: [(&str, &str); 4] = [
    ("ce-specversion", "1.0"),
    ("ce-type", "dev.knative.kafka.event"),
    ("ce-source", "s"),
    ("ce-id", "1"),
];

/// The private texts of a phantom's patient.
fn private(phantom: &Phantom) -> Vec<String> {
    let name = phantom.patient.file_name();
    let parts: Vec<&str> = name.split('_').collect();
    vec![parts[1].to_owned(), parts[3].to_owned(), name.clone()]
}

/// Phantoms of all classes under the shipped model: the first of the demo's default run.
fn phantoms(count: usize) -> Vec<Phantom> {
    Phantom::draw_all(phantoms::DEFAULT_SEED, count)
}

fn picture(bytes: &[u8]) -> GrayImage {
    image::load_from_memory(bytes).unwrap().to_luma8()
}

/// The largest level in a part of a picture.
fn brightest(picture: &GrayImage, x: u32, y: u32, width: u32, height: u32) -> u8 {
    picture
        .view(x, y, width, height)
        .pixels()
        .map(|(_, _, p)| p.0[0])
        .max()
        .unwrap()
}

/// The values of `--nn` that can be had here, and how each names itself.
fn inference() -> Vec<(&'static str, &'static str)> {
    let mut all = vec![("embedded", "rten 0."), ("component", "own component")];
    if testkit::backend_library(Product::OnnxRuntime).is_some() {
        all.push(("onnx", "ONNX Runtime 1."));
    }
    if testkit::backend_library(Product::OpenVino).is_some() {
        all.push(("openvino", "OpenVINO 20"));
    }
    all
}

/// Every output, by bucket and key.
async fn outputs(world: &World) -> BTreeMap<String, Bytes> {
    let mut all = BTreeMap::new();
    for bucket in [PROCESSED, ANONYMIZED] {
        for key in world.keys(bucket) {
            let bytes = world.get(bucket, &key).await.expect("it is listed");
            all.insert(format!("{bucket}/{key}"), bytes);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_backend_does_the_whole_job_and_they_agree() {
    if !testkit::function_is_built() {
        return;
    }
    let backends = inference();
    let phantoms = phantoms(12);
    let secrets: Vec<String> = phantoms.iter().flat_map(private).collect();
    let mut risks: Vec<Vec<f64>> = Vec::new();
    let mut pictures: Vec<BTreeMap<String, Bytes>> = Vec::new();
    for (backend, says) in &backends {
        let world = World::start(&[], &["--nn", *backend]).await;
        let mut of_backend = Vec::new();
        let mut copies = 0;
        for phantom in &phantoms {
            let event = world.put(&phantom.patient.file_name(), &phantom.jpeg).await;
            let (status, report) = world.deliver(&event).await;
            assert_eq!(
                (status, report["outcome"].as_str()),
                (200, Some("done")),
                "{report}"
            );
            check_outputs(&world, phantom, &report).await;
            copies += usize::from(report["anonymized"] == "stored");
            of_backend.push(report["risk"].as_f64().unwrap());
        }
        assert_eq!(world.keys(PROCESSED).len(), phantoms.len());
        assert_eq!(world.keys(ANONYMIZED).len(), copies);
        assert!(
            copies > 0 && copies < phantoms.len(),
            "both kinds were seen"
        );
        pictures.push(outputs(&world).await);
        let said = world.end(&secrets);
        assert!(said.contains(says), "{backend} names itself: {said}");
        risks.push(of_backend);
    }
    for (i, (backend, _)) in backends.iter().enumerate().skip(1) {
        same_pictures(
            backend,
            &phantoms,
            (&pictures[0], &risks[0]),
            (&pictures[i], &risks[i]),
        );
    }
    for other in &risks[1..] {
        for (a, b) in risks[0].iter().zip(other) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }
}

/// The outputs and risks of one kind of inference.
type Made<'a> = (&'a BTreeMap<String, Bytes>, &'a [f64]);

/// All objects are the same to the byte; but where two risks so close lie on two sides of a
/// hundredth of a percent, the labels differ, and rightly.
fn same_pictures(backend: &str, phantoms: &[Phantom], (a, risks): Made<'_>, (b, others): Made<'_>) {
    assert!(a.keys().eq(b.keys()), "{backend} stored other objects");
    let printed = |risk: f64| (risk * 1e4).round();
    let labeled_otherwise = |key: &str| {
        let rounded = phantoms.iter().zip(risks.iter().zip(others));
        rounded
            .filter(|(_, (risk, other))| printed(**risk) != printed(**other))
            .any(|(phantom, _)| key == processed_key(phantom))
    };
    let different: Vec<_> = a
        .keys()
        .filter(|key| a[*key] != b[*key] && !labeled_otherwise(key))
        .collect();
    assert!(
        different.is_empty(),
        "{} pictures by {backend} differ",
        different.len()
    );
    let equal = a.keys().filter(|key| a[*key] == b[*key]).count();
    println!("SAME {equal} of {} objects to the byte, {backend}", a.len());
    assert!(equal + 2 >= a.len(), "{equal}");
}

fn processed_key(phantom: &Phantom) -> String {
    let name = phantom.patient.file_name();
    format!("{PROCESSED}/{}", name.replace(".jpeg", "-processed.jpeg"))
}

/// The processed picture has its label and is else the source; the anonymized one has its box
/// filled and is else the source.
async fn check_outputs(world: &World, phantom: &Phantom, report: &Value) {
    let name = phantom.patient.file_name();
    let source = picture(&phantom.jpeg);
    let processed = name.replace(".jpeg", "-processed.jpeg");
    let labeled = picture(
        &world
            .get(PROCESSED, &processed)
            .await
            .expect("a processed object"),
    );
    assert_eq!(labeled.dimensions(), source.dimensions());
    assert!(brightest(&labeled, 0, 0, 300, 50) > 240, "a white label");
    // JPEGs are encoded again for now, so what is not touched is close, not the same.
    let drift = |a: &GrayImage| {
        let middle = |i: &GrayImage| i.view(400, 200, 400, 400).to_image();
        let (a, b) = (middle(a), middle(&source));
        a.iter()
            .zip(b.iter())
            .map(|(x, y)| x.abs_diff(*y))
            .max()
            .unwrap()
    };
    assert!(drift(&labeled) <= 12, "{}", drift(&labeled));
    if report["class"] != "Pneumonia" {
        assert_eq!(report["anonymized"], "not-due");
        return;
    }
    assert!(report["risk"].as_f64().unwrap() > 0.8);
    let exam = name.rsplit_once('_').unwrap().1;
    let keys = world.keys(ANONYMIZED);
    let key = keys
        .iter()
        .find(|k| k.ends_with(exam))
        .expect("an anonymized object");
    let bytes = world.get(ANONYMIZED, key).await.unwrap();
    for text in private(phantom) {
        assert!(!key.contains(&text), "{text} in {key}");
        assert!(
            !bytes.windows(text.len()).any(|w| w == text.as_bytes()),
            "{text} in the file"
        );
    }
    let clean = picture(&bytes);
    // The outermost pixels of the box share blocks with the picture beside it.
    let under = brightest(&clean, 0, clean.height() - 92, 292, 92);
    assert!(under <= 8, "{under} under the cover");
    assert!(drift(&clean) <= 12, "{}", drift(&clean));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_an_event_is_answered_as_the_table_says() {
    if !testkit::function_is_built() {
        return;
    }
    let world = World::start(&[("max_pixels", "4000000")], &["--nn", "embedded"]).await;
    let phantom = &phantoms(1)[0];
    let name = phantom.patient.file_name();
    let check = async |event: &Bytes, status: u16, outcome: &str, reason: Option<&str>| {
        let (got, report) = world.deliver(event).await;
        let (o, r) = (report["outcome"].as_str(), report["reason"].as_str());
        assert_eq!((got, o, r), (status, Some(outcome), reason), "{report}");
    };

    let old = world.put(&name, &phantom.jpeg).await;
    check(&old, 200, "done", None).await;
    check(&old, 200, "skipped", Some("duplicate")).await;
    // Another picture under the same key; the event of the first is redelivered, late.
    let new = world.put(&name, &Phantom::draw(77, 1).jpeg).await;
    check(&new, 200, "done", None).await;
    check(&old, 200, "skipped", Some("stale")).await;

    let gone = world.put("gone.jpeg", &phantom.jpeg).await;
    world.client.delete(BUCKET, "gone.jpeg").await.unwrap();
    check(&gone, 200, "skipped", Some("gone")).await;
    let removed = world.event(BUCKET, "gone.jpeg", Event::Delete, "", 0);
    check(&removed, 200, "skipped", Some("not-a-creation")).await;
    let own = world.event(PROCESSED, "x.jpeg", Event::Put, "", 1);
    check(&own, 200, "skipped", Some("own-output")).await;

    let corrupt = world
        .put("corrupt.jpeg", &phantom.jpeg[..phantom.jpeg.len() / 2])
        .await;
    check(&corrupt, 200, "rejected", Some("damaged")).await;
    assert_eq!(world.post(&corrupt, &KAFKA).await.status(), 422);
    // A header that claims 65000 x 32000 pixels.
    let mut huge = phantom.jpeg.clone();
    let at = huge.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    huge[at + 5..at + 9].copy_from_slice(&[0x7D, 0x00, 0xFD, 0xE8]);
    let huge = world.put("huge.jpeg", &huge).await;
    check(&huge, 200, "rejected", Some("too-large")).await;
    assert_eq!(world.post(&huge, &KAFKA).await.status(), 413);
    let dicom = [vec![0; 128], b"DICM".to_vec()].concat();
    check(
        &world.put("x.dcm", &dicom).await,
        200,
        "rejected",
        Some("damaged"),
    )
    .await;

    let refused = world.post(&Bytes::from_static(b"{}"), &[]).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    world.end(&private(phantom));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_asked_again_when_it_is_back() {
    if !testkit::function_is_built() {
        return;
    }
    let mut world = World::start(&[], &["--nn", "embedded"]).await;
    let phantom = &phantoms(1)[0];
    let event = world.put(&phantom.patient.file_name(), &phantom.jpeg).await;
    let address = world.listening.take().unwrap().address();
    let answer = world.post(&event, &[]).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    world.listening = Some(world.store.listen(address).await.unwrap());
    assert_eq!(world.deliver(&event).await.0, 200);
    assert_eq!(world.keys(PROCESSED).len(), 1);
    world.end(&private(phantom));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_and_a_host_that_is_not_allowed_change_nothing() {
    if !testkit::function_is_built() {
        return;
    }
    let phantom = &phantoms(1)[0];
    let refused = async |variable: (&str, &str), because: &str| {
        let world = World::start(&[variable], &["--nn", "embedded"]).await;
        let event = world.put(&phantom.patient.file_name(), &phantom.jpeg).await;
        let (status, report) = world.deliver(&event).await;
        assert_eq!(
            (status, report["reason"].as_str()),
            (503, Some("store")),
            "{report}"
        );
        assert!(
            report["detail"].as_str().unwrap().contains(because),
            "{report}"
        );
        assert!(world.keys(PROCESSED).is_empty() && world.keys(ANONYMIZED).is_empty());
        let mut secrets = private(phantom);
        secrets.push("not-the-secret".to_owned());
        world.end(&secrets);
    };
    refused(("s3_secret_key", "not-the-secret"), "403").await;
    // With virtual hosts a bucket's host is another than the endpoint's, and nobody has allowed it.
    refused(("s3_style", "virtual"), "denied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_events_at_once() {
    if !testkit::function_is_built() {
        return;
    }
    let world = World::start(&[], &["--nn", "embedded"]).await;
    let drawn = phantoms(4);
    let mut events = Vec::new();
    for i in 0..200 {
        let phantom = &drawn[i % drawn.len()];
        let key = format!("{i}/{}", phantom.patient.file_name());
        events.push(world.put(&key, &phantom.jpeg).await);
    }
    let answers = futures_util::future::join_all(events.iter().map(|e| world.deliver(e))).await;
    for (status, report) in answers {
        assert_eq!(
            (status, report["outcome"].as_str()),
            (200, Some("done")),
            "{report}"
        );
    }
    assert_eq!(world.keys(PROCESSED).len(), 200, "one folder each");
    world.end(&drawn.iter().flat_map(private).collect::<Vec<_>>());
}
