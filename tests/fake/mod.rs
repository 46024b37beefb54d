//! `Ports` over a store and models in memory. Signatures are recomputed, and conditions hold.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod archive;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use image::{DynamicImage, GrayImage, Luma};
use md5::{Digest, Md5};
use s3::{Secret, sigv4};
use serde_json::json;
use xray::{
    config::{Config, DEFAULTS},
    error::Error,
    event::{ObjectEvent, Record, intake},
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor, Tensor},
    ports::{NoResponse, Ports, SendError},
    record::process_record,
    report::Report,
    text::{contract::TextContract, marker_contract::MarkerContract},
};

/// Treatment of every request by the store.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    Down,
    Status(u16),
    WrongSecret,
}

#[derive(Clone)]
struct Stored {
    body: Bytes,
    etag: String,
    metadata: BTreeMap<String, String>,
}

pub struct Fake {
    variables: BTreeMap<&'static str, String>,
    buckets: RefCell<BTreeMap<String, BTreeMap<String, Stored>>>,
    fault: Cell<Option<Fault>>,
    /// Number of requests after which the fault sets in.
    sound_requests: Cell<usize>,
    races: RefCell<BTreeMap<String, u32>>,
    puts: RefCell<Vec<String>>,
    requests: Cell<usize>,
    risk: f32,
    /// Value of the graph's `doubt` output; the input check fails over 0.5.
    pub doubt: f32,
    model: String,
    /// Levels that the text detector recognizes; `None` if there is no text detector.
    pub finds: Option<Finds>,
    /// Number of runs of the text detector.
    pub searches: Cell<usize>,
    /// Digest of the text detector.
    pub detector: String,
    meanwhile: RefCell<Option<ObjectEvent>>,
    versioned: Vec<&'static str>,
    suspended: Vec<&'static str>,
    /// Null delete markers of buckets with suspended versioning.
    markers: RefCell<BTreeSet<(String, String)>>,
    refused: RefCell<Option<(u16, String)>>,
    /// Response to every request about a bucket, as of an ingress in front of another server.
    page: RefCell<Option<(String, u16, String)>>,
    no_etags: Cell<bool>,
    /// The archives of DICOM objects.
    pub archives: archive::Archives,
    /// Object whose upload ends the next HEAD of the source's bucket, with its event's number.
    overwritten: RefCell<Option<(String, u8)>>,
}

/// Levels that the text detector recognizes.
#[derive(Clone, Default)]
pub struct Finds {
    pub text: Vec<u8>,
    pub marker: Vec<u8>,
    /// Score too low to be found as text at first. Only the uppermost cells of these levels score,
    /// so others score when they are covered.
    pub low: Vec<u8>,
}

/// Returns a small gray picture with rectangles (left, top, width, height) of these levels.
pub fn png_with(rects: &[([u32; 4], u8)]) -> Vec<u8> {
    let mut picture = GrayImage::from_pixel(220, 160, Luma([100]));
    for &([left, top, width, height], level) in rects {
        for y in top..top + height {
            for x in left..left + width {
                picture.put_pixel(x, y, Luma([level]));
            }
        }
    }
    encode(picture)
}

/// Returns a small picture that differs with `seed`.
pub fn png(seed: u8) -> Vec<u8> {
    encode(GrayImage::from_fn(220, 160, |x, y| {
        Luma([(x + y) as u8 ^ seed])
    }))
}

pub fn png_of(width: u32, height: u32) -> Vec<u8> {
    encode(GrayImage::new(width, height))
}

fn encode(image: GrayImage) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    DynamicImage::from(image)
        .write_to(&mut out, image::ImageFormat::Png)
        .unwrap();
    out.into_inner()
}

impl Fake {
    pub fn new(risk: f32) -> Fake {
        let mut variables: BTreeMap<_, _> = DEFAULTS
            .iter()
            .map(|(n, v)| (*n, (*v).to_owned()))
            .collect();
        for (name, value) in [
            ("s3_access_key", "access"),
            ("s3_secret_key", "secret"),
            ("pseudonym_key", "pseudonyms"),
            ("max_bytes", "60000"),
            ("max_pixels", "100000"),
        ] {
            variables.insert(name, value.to_owned());
        }
        let buckets = ["in", "in-processed", "in-anonymized", "in-quarantine"];
        Fake {
            variables,
            buckets: RefCell::new(
                buckets
                    .iter()
                    .map(|b| ((*b).to_owned(), BTreeMap::new()))
                    .collect(),
            ),
            fault: Cell::new(None),
            sound_requests: Cell::new(0),
            races: RefCell::default(),
            puts: RefCell::default(),
            requests: Cell::new(0),
            risk,
            doubt: 0.0,
            model: "0".repeat(64),
            finds: Some(Finds::default()),
            searches: Cell::new(0),
            detector: "2".repeat(64),
            meanwhile: RefCell::new(None),
            versioned: Vec::new(),
            suspended: Vec::new(),
            markers: RefCell::default(),
            refused: RefCell::default(),
            page: RefCell::default(),
            no_etags: Cell::new(false),
            overwritten: RefCell::default(),
            archives: archive::Archives::default(),
        }
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.variables.insert(name, value.to_owned());
    }

    pub fn set_model(&mut self, digest: String) {
        self.model = digest;
    }

    pub fn set_risk(&mut self, risk: f32) {
        self.risk = risk;
    }

    /// Stores a picture in the input bucket and returns its event, the `n`th in order.
    pub fn upload(&self, key: &str, n: u8) -> ObjectEvent {
        self.upload_bytes(key, png(n), n)
    }

    pub fn upload_bytes(&self, key: &str, bytes: Vec<u8>, n: u8) -> ObjectEvent {
        let etag = hex::encode(Md5::digest(&bytes));
        let stored = Stored {
            body: bytes.into(),
            etag,
            metadata: BTreeMap::new(),
        };
        self.buckets
            .borrow_mut()
            .get_mut("in")
            .unwrap()
            .insert(key.to_owned(), stored);
        self.event("in", key, "ObjectCreated:Put", n)
    }

    pub fn event(&self, bucket: &str, key: &str, name: &str, n: u8) -> ObjectEvent {
        let stored = self
            .buckets
            .borrow()
            .get(bucket)
            .and_then(|b| b.get(key))
            .cloned();
        let record = json!({
            "eventSource": "ceph:s3", "eventName": name,
            "s3": { "bucket": { "name": bucket }, "object": {
                "key": key, "eTag": stored.as_ref().map(|s| s.etag.clone()), "size": stored.map(|s| s.body.len()),
                "sequencer": format!("{n:02X}00000000000000"),
            }},
        });
        let delivery = intake(
            &http::Method::POST,
            &HeaderMap::new(),
            record.to_string().as_bytes(),
        )
        .unwrap();
        delivery.records[0].clone().unwrap()
    }

    pub fn process(&self, event: &ObjectEvent) -> Report {
        self.process_record(&Ok(event.clone()))
    }

    pub fn config(&self) -> Config {
        Config::from_lookup(|name| self.variables.get(name).cloned()).unwrap()
    }

    pub fn process_record(&self, record: &Record) -> Report {
        let config = self.config();
        pollster::block_on(process_record(self, &config, record))
    }

    /// Processes `event` completely during the next inference.
    pub fn process_while_inferring(&self, event: &ObjectEvent) {
        *self.meanwhile.borrow_mut() = Some(event.clone());
    }

    pub fn remove(&self, bucket: &str, key: &str) {
        self.buckets
            .borrow_mut()
            .get_mut(bucket)
            .unwrap()
            .remove(key);
    }

    /// Stores a foreign object in a bucket.
    pub fn put(&self, bucket: &str, key: &str, body: &'static [u8]) {
        let stored = Stored {
            body: Bytes::from_static(body),
            etag: hex::encode(Md5::digest(body)),
            metadata: BTreeMap::new(),
        };
        let mut buckets = self.buckets.borrow_mut();
        buckets
            .get_mut(bucket)
            .unwrap()
            .insert(key.to_owned(), stored);
    }

    /// Copies an object to another bucket.
    pub fn copy(&self, from: &str, to: &str, key: &str) {
        let mut buckets = self.buckets.borrow_mut();
        let object = buckets[from][key].clone();
        buckets.get_mut(to).unwrap().insert(key.to_owned(), object);
    }

    /// Refuses every GET with this response.
    pub fn refuse_get(&self, status: u16, code: &str, message: &str) {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        *self.refused.borrow_mut() = Some((status, body));
    }

    /// Enables versioning as RGW has it: objects have a version, and conditions on a PUT are
    /// checked against a version that does not exist yet.
    pub fn version(&mut self, bucket: &'static str) {
        self.versioned.push(bucket);
    }

    /// Suspends versioning as RGW has it: a DELETE leaves a null delete marker, at which
    /// `If-None-Match: *` fails, `If-Match: *` holds, and GET finds no object.
    pub fn suspend(&mut self, bucket: &'static str) {
        self.suspended.push(bucket);
    }

    /// Deletes an object as a user would.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.remove(bucket, key);
        if self.suspended.contains(&bucket) {
            let marker = (bucket.to_owned(), key.to_owned());
            self.markers.borrow_mut().insert(marker);
        }
    }

    /// Responds to every request about a bucket with this page.
    pub fn page(&self, bucket: &str, status: u16, body: &str) {
        *self.page.borrow_mut() = Some((bucket.to_owned(), status, body.to_owned()));
    }

    /// Leaves the ETag out of every response.
    pub fn leave_etags_out(&self) {
        self.no_etags.set(true);
    }

    /// Uploads a picture as soon as the next processed object is stored, before anyone asks.
    pub fn overwrite_after_put(&self, key: &str, n: u8) {
        *self.overwritten.borrow_mut() = Some((key.to_owned(), n));
    }

    pub fn drop_bucket(&self, bucket: &str) {
        self.buckets.borrow_mut().remove(bucket);
    }

    pub fn fail_with(&self, fault: Fault) {
        self.fault.set(Some(fault));
    }

    /// Fails from the request after the next `sound` ones on.
    pub fn fail_after(&self, sound: usize, fault: Fault) {
        self.sound_requests.set(self.requests() + sound);
        self.fault.set(Some(fault));
    }

    pub fn heal(&self) {
        self.sound_requests.set(0);
        self.fault.set(None);
    }

    pub fn lose_races(&self, bucket: &str, times: u32) {
        self.races.borrow_mut().insert(bucket.to_owned(), times);
    }

    pub fn has(&self, bucket: &str, key: &str) -> bool {
        self.buckets.borrow()[bucket].contains_key(key)
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.buckets.borrow()[bucket].keys().cloned().collect()
    }

    pub fn metadata(&self, bucket: &str, key: &str) -> BTreeMap<String, String> {
        self.buckets.borrow()[bucket][key].metadata.clone()
    }

    pub fn body(&self, bucket: &str, key: &str) -> Bytes {
        self.buckets.borrow()[bucket][key].body.clone()
    }

    /// Returns the buckets of all PUTs, in order.
    pub fn puts(&self) -> Vec<String> {
        self.puts.borrow().clone()
    }

    pub fn requests(&self) -> usize {
        self.requests.get()
    }

    fn verifies(&self, request: &Request<Bytes>) -> bool {
        let Some(sent) = request
            .headers()
            .get("authorization")
            .map(|v| v.to_str().unwrap())
        else {
            return false;
        };
        let names = sent
            .split_once("SignedHeaders=")
            .unwrap()
            .1
            .split_once(',')
            .unwrap()
            .0;
        let mut headers = HeaderMap::new();
        for name in names.split(';') {
            let value = match name {
                "host" => request.uri().authority().unwrap().as_str().parse().unwrap(),
                name => request.headers()[name].clone(),
            };
            headers.insert(name.parse::<http::HeaderName>().unwrap(), value);
        }
        let hash = sigv4::sha256_hex(request.body());
        let uri = request.uri();
        let canonical = sigv4::canonical_request(
            request.method().as_str(),
            uri.path(),
            uri.query().unwrap_or(""),
            &headers,
            &hash,
        );
        let date = request.headers()["x-amz-date"].to_str().unwrap();
        let to_sign = sigv4::string_to_sign(date, "us-east-1", "s3", &canonical);
        let secret = if self.fault.get() == Some(Fault::WrongSecret) {
            "other"
        } else {
            "secret"
        };
        let expect = sigv4::signature(&Secret::new(secret), date, "us-east-1", "s3", &to_sign);
        sent.ends_with(&format!("Signature={expect}"))
    }

    fn respond(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path()[1..].replace('%', "\\x");
        let (bucket, key) = path.split_once('/').unwrap();
        let (bucket, key) = (bucket.to_owned(), decode(key));
        let mut buckets = self.buckets.borrow_mut();
        if let Some((paged, status, body)) = &*self.page.borrow()
            && *paged == bucket
        {
            let response = Response::builder().status(*status);
            return response.body(body.clone().into()).unwrap();
        }
        let Some(objects) = buckets.get_mut(&bucket) else {
            return error(404, "NoSuchBucket");
        };
        let place = (bucket.clone(), key.clone());
        let is_marked = self.markers.borrow().contains(&place);
        let found = objects.get(&key).cloned();
        let has_versions = self.versioned.iter().any(|v| *v == bucket);
        match request.method().as_str() {
            "PUT" => {
                let mut races = self.races.borrow_mut();
                if let Some(left) = races.get_mut(&bucket).filter(|n| **n > 0) {
                    *left -= 1;
                    return error(412, "PreconditionFailed");
                }
                let header = |name: &str| {
                    request
                        .headers()
                        .get(name)
                        .map(|v| v.to_str().unwrap().to_owned())
                };
                let holds = match (header("if-none-match"), header("if-match")) {
                    (Some(_), _) => (found.is_none() && !is_marked) || has_versions,
                    (_, Some(tag)) if tag == "*" => found.is_some() || is_marked,
                    (_, Some(tag)) => found.is_some_and(|f| f.etag == tag) && !has_versions,
                    _ if has_versions => true,
                    _ => panic!("an unconditional PUT"),
                };
                if !holds {
                    return error(412, "PreconditionFailed");
                }
                let metadata = request
                    .headers()
                    .iter()
                    .filter_map(|(n, v)| {
                        Some((
                            n.as_str().strip_prefix("x-amz-meta-")?.to_owned(),
                            v.to_str().unwrap().to_owned(),
                        ))
                    })
                    .collect();
                let body = request.body().clone();
                let etag = hex::encode(Md5::digest(&body));
                objects.insert(
                    key,
                    Stored {
                        body,
                        etag: etag.clone(),
                        metadata,
                    },
                );
                self.markers.borrow_mut().remove(&place);
                let overwritten = (bucket == "in-processed")
                    .then(|| self.overwritten.borrow_mut().take())
                    .flatten();
                self.puts.borrow_mut().push(bucket);
                drop(buckets);
                if let Some((key, n)) = overwritten {
                    self.upload(&key, n);
                }
                Response::builder()
                    .header("etag", format!("\"{etag}\""))
                    .body(Bytes::new())
                    .unwrap()
            }
            "DELETE" => {
                objects.remove(&key);
                if self.suspended.iter().any(|b| *b == place.0) {
                    self.markers.borrow_mut().insert(place);
                }
                Response::builder().status(204).body(Bytes::new()).unwrap()
            }
            method => {
                if let ("GET", Some((status, body))) = (method, &*self.refused.borrow()) {
                    let response = Response::builder().status(*status);
                    return response.body(body.clone().into()).unwrap();
                }
                let Some(found) = found else {
                    return error(404, "NoSuchKey");
                };
                if let Some(wanted) = request.headers().get("if-match")
                    && wanted.as_bytes() != found.etag.as_bytes()
                {
                    return error(412, "PreconditionFailed");
                }
                let mut response =
                    Response::builder().header("etag", format!("\"{}\"", found.etag));
                if has_versions {
                    response = response.header("x-amz-version-id", &found.etag);
                }
                for (name, value) in &found.metadata {
                    response = response.header(format!("x-amz-meta-{name}"), value);
                }
                let body = match (method, request.headers().get("range")) {
                    ("GET", Some(_)) if found.body.is_empty() => return error(416, "InvalidRange"),
                    ("GET", Some(range)) => {
                        assert_eq!(range, "bytes=0-0");
                        response = response.status(206);
                        found.body.slice(..1)
                    }
                    ("GET", None) => found.body,
                    _ => Bytes::new(),
                };
                response.body(body).unwrap()
            }
        }
    }
}

fn decode(key: &str) -> String {
    let mut out = Vec::new();
    let mut rest = key;
    while let Some(at) = rest.find("\\x") {
        out.extend(&rest.as_bytes()[..at]);
        out.push(u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap());
        rest = &rest[at + 4..];
    }
    out.extend(rest.as_bytes());
    String::from_utf8(out).unwrap()
}

fn error(status: u16, code: &str) -> Response<Bytes> {
    let body = format!("<Error><Code>{code}</Code><Message></Message></Error>");
    Response::builder()
        .status(status)
        .body(body.into())
        .unwrap()
}

impl Ports for Fake {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: u64,
    ) -> Result<Response<Bytes>, SendError> {
        self.requests.set(self.requests.get() + 1);
        if archive::Archives::are_meant(&request) {
            let processed = &self.buckets.borrow()["in-processed"];
            let had_processed = processed.keys().any(|key| key.ends_with("-processed.dcm"));
            return Ok(self.archives.respond(&request, had_processed));
        }
        let fault = self.fault.get();
        let mut response = match fault.filter(|_| self.requests() > self.sound_requests.get()) {
            Some(Fault::Down) => return Err(SendError::Transport(NoResponse::Refused)),
            Some(Fault::Status(status)) => error(status, "Whatever"),
            _ if !self.verifies(&request) => error(403, "SignatureDoesNotMatch"),
            _ => self.respond(&request),
        };
        if request.method() == http::Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        if self.no_etags.get() {
            response.headers_mut().remove("etag");
        }
        if response.body().len() as u64 > limit {
            return Err(SendError::TooLarge { limit });
        }
        Ok(response)
    }

    fn now(&self) -> jiff::Timestamp {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.requests.get() as u64)
    }

    fn contract(&self, model: &str) -> Result<Contract, Error> {
        Contract::parse(
            &json!({
                "version": 2, "name": model, "model_sha256": self.model,
                "input": { "name": "x", "layout": "NHWC", "width": 8, "height": 8, "channels": "grey",
                           "resize": "nearest", "scale": 1, "offset": 0 },
                "output": { "name": "y", "kind": "probability" },
                "checks": [{ "output": "doubt", "max": 0.5, "reason": "inverted-gray" }],
                "heatmap": { "output": "map", "width": 2, "height": 2 },
                "age": { "min_years": 1, "max_years": 5 },
            })
            .to_string(),
        )
    }

    fn text_contract(&self, model: &str) -> Result<TextContract, Error> {
        if self.finds.is_none() {
            return Err(Error::Model(format!("there is no {model}")));
        }
        TextContract::parse(
            &json!({
                "version": 2, "name": model, "model_sha256": self.detector,
                "input": { "name": "grey", "multiple": 64, "scale": 1, "offset": 0 },
                "output": { "name": "cells", "stride": 8, "text": 1, "marker": 2 },
                "thresholds": { "high": 0.5, "low": 0.2, "residual": 0.3, "marker": 0.6 },
                "max_side": 2560,
            })
            .to_string(),
        )
    }

    fn marker_contract(&self, model: &str) -> Result<MarkerContract, Error> {
        MarkerContract::parse(
            &json!({
                "version": 2, "name": model, "model_sha256": "4".repeat(64),
                "input": { "name": "window", "width": 128, "height": 48, "scale": 1, "offset": 0 },
                "output": { "name": "marker", "classes": ["other", "L"] },
                "thresholds": { "upright": 0.9, "turned": 0.9 },
            })
            .to_string(),
        )
    }

    fn infer(
        &self,
        model: &str,
        input: &str,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        if model == "markers" {
            assert_eq!((input, &tensor.dims[..]), ("window", &[1, 1, 48, 128][..]));
            return Ok(vec![NamedTensor {
                name: "marker".into(),
                tensor: Tensor {
                    dims: vec![1, 2],
                    data: vec![1.0, 0.0],
                },
            }]);
        }
        if model == "text" {
            assert_eq!(input, "grey");
            return Ok(vec![self.cells(tensor)]);
        }
        assert_eq!((input, &tensor.dims[..]), ("x", &[1, 8, 8, 1][..]));
        let meanwhile = self.meanwhile.borrow_mut().take();
        if let Some(event) = meanwhile {
            self.process(&event);
        }
        let output = |name: &str, data: Vec<f32>| NamedTensor {
            name: name.into(),
            tensor: Tensor {
                dims: vec![data.len() as u32],
                data,
            },
        };
        Ok(vec![
            output("y", vec![self.risk]),
            output("doubt", vec![self.doubt]),
            output("map", vec![9.0, -9.0, -9.0, -9.0]),
        ])
    }
}

impl Fake {
    /// Returns a map on which each cell has the class of its brightest pixel.
    fn cells(&self, gray: &InputTensor) -> NamedTensor {
        self.searches.set(self.searches.get() + 1);
        let finds = self.finds.as_ref().unwrap();
        let (height, width) = (gray.dims[2] as usize, gray.dims[3] as usize);
        let levels = gray.data.to_f32();
        let (rows, columns) = (height / 8, width / 8);
        let mut data = vec![0.0; 3 * rows * columns];
        let brightest = |cell: usize| {
            let (x, y) = (cell % columns * 8, cell / columns * 8);
            let pixels = (y..y + 8).flat_map(|y| &levels[y * width + x..][..8]);
            pixels.fold(0f32, |most, v| most.max(*v)) as u8
        };
        let is_low = |cell: &usize| finds.low.contains(&brightest(*cell));
        let lows = (0..rows * columns).find(is_low).map(|cell| cell / columns);
        for cell in 0..rows * columns {
            let level = brightest(cell);
            let low = (lows == Some(cell / columns)).then_some(&finds.low);
            let kinds = [
                (Some(&finds.text), 1, 0.9),
                // Of a shape that stays: surer ones may be initials.
                (Some(&finds.marker), 1, 0.1),
                (Some(&finds.marker), 2, 0.8),
                (low, 1, 0.4),
            ];
            for (levels, class, probability) in kinds {
                if levels.is_some_and(|levels| levels.contains(&level)) {
                    data[class * rows * columns + cell] = probability;
                }
            }
        }
        NamedTensor {
            name: "cells".into(),
            tensor: Tensor {
                dims: vec![1, 3, rows as u32, columns as u32],
                data,
            },
        }
    }
}
