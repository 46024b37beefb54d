//! One request, one fresh instance.

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
    admission::Place,
    files::Mounts,
    state::{Limits, State},
};
use crate::{
    app::variables::Variables,
    nn::{Inference, host::TensorBytes},
    serve::{
        egress::Egress,
        logs::{GuestOutput, Logs, Stream},
        metrics::Metrics,
    },
};

/// A component, ready to be instantiated.
pub struct Handler {
    pub pre: ProxyPre<State>,
    pub egress: Egress,
    pub variables: Arc<Variables>,
    pub environment: Vec<(String, String)>,
    pub mounts: Mounts,
    pub logs: Arc<Logs>,
    pub inference: Arc<Inference>,
    pub metrics: Arc<Metrics>,
    pub timeout: Duration,
    pub max_memory: usize,
}

/// Why there was no answer.
#[derive(Debug)]
pub enum Failure {
    /// The guest trapped or ended without answering.
    Broken,
    /// It took too long.
    Deadline,
}

impl Handler {
    /// Runs the request in an instance of its own, which holds `place` until it ends. It may go on
    /// after its answer, and goes on when the client has left: what it stores is then complete.
    pub async fn call(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        place: Place,
    ) -> Result<Response<WasiBody>, Failure> {
        let (sender, receiver) = oneshot::channel();
        let this = self.clone();
        let instance = tokio::spawn(async move {
            let result = this.run(request, sender).await;
            drop(place);
            result
        });
        if let Ok(Ok(answer)) = receiver.await {
            return Ok(answer);
        }
        // Without an answer the instance has ended, and says why.
        match instance.await {
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(())) => {
                self.metrics.failure("no-answer");
                self.logs.host("the component ended without an answer");
                Err(Failure::Broken)
            }
            Err(panic) => {
                self.logs
                    .host(&format!("the host failed at this request: {panic}"));
                Err(Failure::Broken)
            }
        }
    }

    async fn run(&self, request: Request<WasiBody>, sender: Sender) -> Result<(), Failure> {
        let mut store = self.store().map_err(|error| self.report(&error, false))?;
        // The epoch ends a guest that computes, this one that waits; both at the same time.
        let work = tokio::time::timeout(self.timeout, self.guest(&mut store, request, sender));
        let result = work.await.unwrap_or_else(|_| Err(Trap::Interrupt.into()));
        result.map_err(|error| self.report(&error, store.data().limits.exceeded))
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
        let answer = store.data_mut().http().new_response_outparam(sender)?;
        let proxy = self.pre.instantiate_async(&mut *store).await?;
        proxy
            .wasi_http_incoming_handler()
            .call_handle(store, request, answer)
            .await
    }

    fn store(&self) -> wasmtime::Result<Store<State>> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(GuestOutput::new(self.logs.clone(), Stream::Stdout))
            .stderr(GuestOutput::new(self.logs.clone(), Stream::Stderr))
            .envs(&self.environment)
            // The files are few, small and local: a hop to another thread costs more than reading.
            .allow_blocking_current_thread(true);
        self.mounts.open(&mut wasi)?;
        let state = State {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            egress: self.egress.clone(),
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
                // A guest that decodes a big picture must not hold up the others on its thread.
                UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
            })
        });
        Ok(store)
    }

    fn report(&self, error: &wasmtime::Error, out_of_memory: bool) -> Failure {
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::Interrupt) {
            self.metrics.failure("deadline");
            self.logs
                .host(&format!("no answer within {:?}", self.timeout));
            return Failure::Deadline;
        }
        if out_of_memory {
            self.metrics.failure("memory");
            self.logs.host(&format!(
                "the component wanted more than {} bytes of memory",
                self.max_memory
            ));
        } else {
            self.metrics.failure("trap");
            let place = error.downcast_ref::<WasmBacktrace>();
            let place = place
                .map(|frames| format!("\n{frames}"))
                .unwrap_or_default();
            self.logs.host(&format!(
                "the component failed: {}{place}",
                error.root_cause()
            ));
        }
        Failure::Broken
    }
}

type Sender = oneshot::Sender<
    Result<Response<WasiBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>,
>;
