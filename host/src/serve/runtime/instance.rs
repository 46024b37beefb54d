//! Runs each request in a fresh instance.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Request, Response};
use tokio::sync::oneshot;
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace, component::ResourceTable};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::{
    WasiBody, WasiHttpCtx, WasiHttpView,
    p2::bindings::{ProxyPre, http::types::Scheme},
};

use super::{
    concurrency::Permit,
    crashes::Crashes,
    files::Mounts,
    state::{Limits, State},
};
use crate::{
    app::variables::Variables,
    nn::{
        Inference,
        host::{TensorBytes, TensorLimit},
    },
    serve::{
        logs::{GuestOutput, Logs, Stream},
        metrics::Metrics,
        outbound::OutboundHttp,
        traces::{Scope, Span},
    },
};

/// A loaded component, ready to be instantiated.
pub struct Handler {
    pub id: String,
    pub pre: ProxyPre<State>,
    pub outbound_http: OutboundHttp,
    pub variables: Arc<Variables>,
    pub environment: Vec<(String, String)>,
    pub mounts: Mounts,
    pub logs: Arc<Logs>,
    pub inference: Arc<Inference>,
    pub metrics: Arc<Metrics>,
    pub crashes: Crashes,
    pub timeout: Duration,
    pub max_memory: usize,
}

/// Reason for a missing response.
#[derive(Debug)]
pub enum Failure {
    /// The host failed, or the guest ended without a response.
    Broken,
    /// The guest trapped or exceeded its memory, and will again with the same request.
    Crashed,
    /// The guest exceeded its deadline.
    Deadline,
}

impl Handler {
    /// Runs the request in its own instance, which holds `permit` until it ends. The instance keeps
    /// running after its response, and when the client disconnects, so that it completes its
    /// writes.
    ///
    /// # Errors
    /// When the instance ends without a response.
    pub async fn call(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        permit: Permit,
        span: Option<Span>,
    ) -> Result<Response<WasiBody>, Failure> {
        let scope = span.as_ref().map(Span::scope);
        let (sender, receiver) = oneshot::channel();
        let this = self.clone();
        let instance = tokio::spawn(async move {
            let result = this.run(request, sender, span).await;
            drop(permit);
            result
        });
        if let Ok(Ok(response)) = receiver.await {
            return Ok(response);
        }
        // Without a response the instance has ended, and its result has the reason.
        match instance.await {
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(())) => {
                self.metrics.failure("no-answer");
                self.logs
                    .host_message("the component ended without a response", scope.as_ref());
                Err(Failure::Broken)
            }
            Err(panic) => {
                let text = format!("the host failed to process this request: {panic}");
                self.logs.host_message(&text, scope.as_ref());
                Err(Failure::Broken)
            }
        }
    }

    async fn run(
        &self,
        request: Request<WasiBody>,
        sender: Sender,
        mut span: Option<Span>,
    ) -> Result<(), Failure> {
        let store = self.store(span.as_ref().map(Span::scope));
        let mut store = store.map_err(|error| self.report(&error, false, &mut span))?;
        // The epoch deadline stops a guest that computes, this timeout one that waits.
        let result = tokio::time::timeout(self.timeout, self.guest(&mut store, request, sender))
            .await
            .unwrap_or_else(|_| Err(Trap::Interrupt.into()));
        result.map_err(|error| self.report(&error, store.data().limits.exceeded, &mut span))
    }

    async fn guest(
        &self,
        store: &mut Store<State>,
        request: Request<WasiBody>,
        sender: Sender,
    ) -> wasmtime::Result<()> {
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(Scheme::Http, request)?;
        let response = store.data_mut().http().new_response_outparam(sender)?;
        let proxy = self.pre.instantiate_async(&mut *store).await?;
        proxy
            .wasi_http_incoming_handler()
            .call_handle(store, request, response)
            .await
    }

    fn store(&self, scope: Option<Scope>) -> wasmtime::Result<Store<State>> {
        let mut wasi = WasiCtxBuilder::new();
        let output = |stream| GuestOutput::new(self.logs.clone(), stream, scope.clone());
        wasi.stdout(output(Stream::Stdout))
            .stderr(output(Stream::Stderr))
            .envs(&self.environment)
            // The files are few, small and local, so reading is cheaper than a thread switch.
            .allow_blocking_current_thread(true);
        self.mounts.open(&mut wasi)?;
        let state = State {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            outbound_http: self.outbound_http.within(scope),
            variables: self.variables.clone(),
            inference: self.inference.clone(),
            tensor_bytes: TensorBytes::new(self.max_memory),
            limits: Limits::new(self.max_memory),
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limits);
        let deadline = Instant::now() + self.timeout;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            Ok(if Instant::now() >= deadline {
                UpdateDeadline::Interrupt
            } else {
                // A guest that decodes a large picture must not block others on its thread.
                UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
            })
        });
        Ok(store)
    }

    /// Counts and logs a failure, and marks the instance's span.
    fn report(
        &self,
        error: &wasmtime::Error,
        out_of_memory: bool,
        span: &mut Option<Span>,
    ) -> Failure {
        let scope = span.as_ref().map(Span::scope);
        let mut record = |kind, text: &str| {
            self.metrics.failure(kind);
            if let Some(span) = span {
                span.fail(kind);
            }
            self.logs.host_message(text, scope.as_ref());
        };
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::Interrupt) {
            record(
                "deadline",
                &format!("no response within {:?}", self.timeout),
            );
            return Failure::Deadline;
        }
        if out_of_memory || error.is::<TensorLimit>() {
            let text = format!(
                "the component exceeded its limit of {} bytes of memory",
                self.max_memory
            );
            record("memory", &text);
            return Failure::Crashed;
        }
        let backtrace = error
            .downcast_ref::<WasmBacktrace>()
            .map(|frames| format!("\n{frames}"))
            .unwrap_or_default();
        let text = format!("the component failed: {}{backtrace}", error.root_cause());
        record("trap", &text);
        if trap.is_some_and(is_crash) {
            Failure::Crashed
        } else {
            Failure::Broken
        }
    }
}

/// Reports whether the guest's own code caused the trap, as a panic or a stack overflow does. Other
/// traps may be the host's, and pass.
fn is_crash(trap: &Trap) -> bool {
    matches!(
        trap,
        Trap::UnreachableCodeReached
            | Trap::StackOverflow
            | Trap::MemoryOutOfBounds
            | Trap::TableOutOfBounds
            | Trap::IndirectCallToNull
            | Trap::BadSignature
            | Trap::IntegerOverflow
            | Trap::IntegerDivisionByZero
            | Trap::BadConversionToInteger
    )
}

type Sender = oneshot::Sender<
    Result<Response<WasiBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>,
>;
