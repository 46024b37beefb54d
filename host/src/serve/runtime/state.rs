//! State of one instance, and the interfaces that its component may import.

use std::sync::Arc;

use anyhow::Result;
use wasmtime::{
    Engine, ResourceLimiter,
    component::{HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    app::variables::Variables,
    nn::{
        Inference,
        host::{NnView, TensorBytes},
    },
    serve::outbound::OutboundHttp,
};

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    wasmtime::component::bindgen!({
        inline: "
            package fermyon:spin@2.0.0;
            interface variables {
                get: func(name: string) -> result<string, error>;
                variant error {
                    invalid-name(string),
                    undefined(string),
                    provider(string),
                    other(string),
                }
            }
            world host { import variables; }
        ",
        imports: { default: trappable },
    });
}
use bindings::fermyon::spin::variables;

/// State of one instance.
pub struct State {
    pub wasi: WasiCtx,
    pub http: WasiHttpCtx,
    pub table: ResourceTable,
    pub outbound_http: OutboundHttp,
    pub variables: Arc<Variables>,
    pub inference: Arc<Inference>,
    pub tensor_bytes: TensorBytes,
    pub limits: Limits,
}

/// Memory limit of an instance.
#[derive(Debug)]
pub struct Limits {
    memory: usize,
    taken: usize,
    /// Set when the guest requested more.
    pub exceeded: bool,
}

impl Limits {
    /// Limits the linear memory to this many bytes. A component composed of two has two memories,
    /// which are counted together.
    pub fn new(memory: usize) -> Self {
        Self {
            memory,
            taken: 0,
            exceeded: false,
        }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let taken = self.taken.saturating_add(desired - current);
        if taken > self.memory {
            self.exceeded = true;
            return Ok(false);
        }
        self.taken = taken;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound_http,
        }
    }
}

impl State {
    fn nn(&mut self) -> NnView<'_> {
        NnView {
            table: &mut self.table,
            inference: &self.inference,
            tensor_bytes: &mut self.tensor_bytes,
        }
    }
}

impl variables::Host for State {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, variables::Error>> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !name.bytes().all(plain) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Ok(Err(variables::Error::InvalidName(name)));
        }
        let value = self.variables.get(&name).map(str::to_owned);
        Ok(value.ok_or(variables::Error::Undefined(name)))
    }
}

/// Links all interfaces that a component may import: WASI 0.2, HTTP, Spin's variables, `wasi:nn`.
///
/// # Errors
/// When two of them conflict, which the tests would show.
pub fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    variables::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    crate::nn::host::add_to_linker(&mut linker, State::nn)?;
    Ok(linker)
}
