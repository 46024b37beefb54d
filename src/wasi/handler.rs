//! The HTTP export, and [`Ports`] over WASI. All decisions are made in the pure modules.

// The export that `http_component` generates is unsafe by nature; nothing else here is.
#![allow(unsafe_code)]

use std::{
    cell::OnceCell,
    fs, io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::StreamExt as _;
use spin_sdk::http::{
    Headers, IncomingRequest, IncomingResponse, Method, OutgoingRequest, Scheme, send,
};
use spin_sdk::{http_component, variables};

use crate::{
    config::{Config, ModelKind},
    error::{Error, Outcome},
    event::{self, MAX_EVENT_BYTES, TraceParent},
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor},
    ports::{NoResponse, Ports, SendError},
    record,
    report::{Report, response},
    review,
    text::{contract::TextContract, marker_contract::MarkerContract},
    wasi::infer::Graphs,
};

/// Folder of the models.
const MODELS: &str = "/models";

#[http_component]
async fn handle(request: IncomingRequest) -> http::Response<Bytes> {
    match respond(request).await {
        Ok(response) => response,
        Err(error) => response::problem(&error),
    }
}

async fn respond(request: IncomingRequest) -> Result<http::Response<Bytes>, Error> {
    let method = http::Method::from(request.method());
    let headers = header_map(request.headers().entries());
    let path = request.path_with_query().unwrap_or_default();
    let token = variables::get(review::TOKEN).ok();
    let job = review::job(&path, &headers, token.as_deref())?;
    let limit = match job {
        Some(_) => review::MAX_COPY_BYTES,
        None => MAX_EVENT_BYTES,
    };
    let body = match collect(request.into_body_stream(), limit).await {
        Ok(body) => body,
        Err(SendError::TooLarge { limit }) => {
            return Err(Error::TooLarge {
                what: "the event, in bytes,",
                limit,
            });
        }
        Err(SendError::Transport(_)) => {
            return Err(Error::NotAnEvent(
                "the request ended early; send it again".into(),
            ));
        }
    };
    let config = || Config::from_lookup(|name| variables::get(name).ok());
    let ports = Wasi {
        start: Instant::now(),
        contract: OnceCell::new(),
        text_contract: OnceCell::new(),
        marker_contract: OnceCell::new(),
        graphs: Graphs::default(),
    };
    if let Some(job) = job {
        return review::run(&ports, &config()?, &job, &body);
    }
    let delivery = event::intake(&method, &headers, &body)?;
    let trace = TraceParent::of(&headers).and_then(|trace| trace.trace_id());
    let config = config().inspect_err(|error| {
        // A line for each record, from which logs, metrics and alerts learn of it.
        for _ in &delivery.records {
            let mut report = Report::new(Outcome::Retry).failed(error);
            report.trace_id.clone_from(&trace);
            println!("{}", report.line());
        }
    })?;
    let mut reports = Vec::with_capacity(delivery.records.len());
    for record in &delivery.records {
        let mut report = record::process_record(&ports, &config, record).await;
        report.trace_id.clone_from(&trace);
        println!("{}", report.line());
        reports.push(report);
    }
    Ok(response::respond(delivery.style, &reports))
}

/// The outside world over WASI.
struct Wasi {
    start: Instant,
    contract: OnceCell<Contract>,
    text_contract: OnceCell<TextContract>,
    marker_contract: OnceCell<MarkerContract>,
    graphs: Graphs,
}

/// Reads and parses the contract of a model, once.
fn read<T: Clone>(
    cell: &OnceCell<T>,
    kind: ModelKind,
    model: &str,
    parse: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    if let Some(contract) = cell.get() {
        return Ok(contract.clone());
    }
    let path = path_of(model);
    let text = match fs::read_to_string(&path) {
        Ok(text) if kind.fits(&text) => text,
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(Error::Model(format!("cannot read {path}: {}", e.kind())));
        }
        _ => return Err(kind.unknown(model, &known(kind))),
    };
    let contract = parse(&text)?;
    Ok(cell.get_or_init(|| contract).clone())
}

fn path_of(model: &str) -> String {
    format!("{MODELS}/{model}/contract.json")
}

/// Returns the names of the models of this kind.
fn known(kind: ModelKind) -> Vec<String> {
    let folders = fs::read_dir(MODELS).into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let is_one = |name: &String| {
        let contract = fs::read_to_string(path_of(name));
        contract.is_ok_and(|text| kind.fits(&text))
    };
    let mut names: Vec<String> = names.filter(is_one).collect();
    names.sort_unstable();
    names
}

impl Ports for Wasi {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        limit: u64,
    ) -> Result<http::Response<Bytes>, SendError> {
        let is_head = request.method() == http::Method::HEAD;
        let response = exchange(request).await.map_err(broken)?;
        let mut builder = http::Response::builder().status(response.status());
        if let Some(headers) = builder.headers_mut() {
            *headers = header_map(response.headers().entries());
        }
        // A declared length over the limit saves reading up to it. HEAD declares the length of
        // GET's body.
        let declared = builder.headers_ref().and_then(|h| {
            h.get(http::header::CONTENT_LENGTH)?
                .to_str()
                .ok()?
                .parse::<u64>()
                .ok()
        });
        if !is_head && declared.is_some_and(|length| length > limit) {
            return Err(SendError::TooLarge { limit });
        }
        let body = collect(response.take_body_stream(), limit).await?;
        builder.body(body).map_err(broken)
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn contract(&self, model: &str) -> Result<Contract, Error> {
        read(
            &self.contract,
            ModelKind::Classifier,
            model,
            Contract::parse,
        )
    }

    fn text_contract(&self, model: &str) -> Result<TextContract, Error> {
        read(
            &self.text_contract,
            ModelKind::TextDetector,
            model,
            TextContract::parse,
        )
    }

    fn marker_contract(&self, model: &str) -> Result<MarkerContract, Error> {
        read(
            &self.marker_contract,
            ModelKind::MarkerRecognizer,
            model,
            MarkerContract::parse,
        )
    }

    fn infer(
        &self,
        model: &str,
        input: &str,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        self.graphs.run(model, input, tensor)
    }
}

/// Sends a request without a body if it is empty: an empty outgoing body would be sent as a chunked
/// one, which S3 refuses.
async fn exchange(request: http::Request<Bytes>) -> anyhow::Result<IncomingResponse> {
    if !request.body().is_empty() {
        return Ok(send(request).await?);
    }
    let headers: Vec<(String, Vec<u8>)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let outgoing = OutgoingRequest::new(Headers::from_list(&headers)?);
    let uri = request.uri();
    let scheme = match uri.scheme_str() {
        Some("https") => Scheme::Https,
        _ => Scheme::Http,
    };
    let set = outgoing
        .set_method(&Method::from(request.method().clone()))
        .and_then(|()| outgoing.set_path_with_query(uri.path_and_query().map(|p| p.as_str())))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(uri.authority().map(|a| a.as_str())));
    anyhow::ensure!(set.is_ok(), "the host refused the request's target");
    Ok(send(outgoing).await?)
}

/// Keeps the kind of a failure and drops its text, which may contain a URL and with it a key.
fn broken(error: impl Into<anyhow::Error>) -> SendError {
    let error = error.into();
    SendError::Transport(match error.downcast_ref::<spin_sdk::http::SendError>() {
        Some(spin_sdk::http::SendError::Http(code)) => NoResponse::of_code(&format!("{code:?}")),
        Some(spin_sdk::http::SendError::Io(_)) => NoResponse::Closed,
        _ => NoResponse::Other("the request could not be sent".to_owned()),
    })
}

async fn collect<E>(
    stream: impl futures::Stream<Item = Result<Vec<u8>, E>>,
    limit: u64,
) -> Result<Bytes, SendError> {
    let mut stream = std::pin::pin!(stream);
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| SendError::Transport(NoResponse::Closed))?;
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(SendError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

fn header_map(entries: Vec<(String, Vec<u8>)>) -> http::HeaderMap {
    entries
        .into_iter()
        .filter_map(|(name, value)| {
            Some((
                name.parse::<http::HeaderName>().ok()?,
                http::HeaderValue::from_bytes(&value).ok()?,
            ))
        })
        .collect()
}
