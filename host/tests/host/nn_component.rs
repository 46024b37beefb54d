//! The inference component by itself: its exports, called as a function's imports would be.

use std::{path::Path, sync::OnceLock};

use wasmtime::{
    Config, Engine, Store,
    component::{Component as Compiled, Linker, ResourceAny, ResourceTable},
};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use xray_host::nn::{
    error::NnError,
    tensor::{NamedTensor, Tensor},
};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package xray:tests;
            world component {
                export wasi:nn/tensor@0.2.0-rc-2024-10-28;
                export wasi:nn/errors@0.2.0-rc-2024-10-28;
                export wasi:nn/graph@0.2.0-rc-2024-10-28;
                export wasi:nn/inference@0.2.0-rc-2024-10-28;
            }
        ",
        path: "../wit/wasi-nn.wit",
    });
}
pub use bindings::exports::wasi::nn::graph::{ExecutionTarget, GraphEncoding};
use bindings::exports::wasi::nn::{errors, tensor};
use testkit::{function_is_built, root};

pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

struct Code {
    engine: Engine,
    linker: Linker<State>,
    compiled: Compiled,
}

/// Compiled once for all tests; nothing where it is not built.
fn code() -> Option<&'static Code> {
    static CODE: OnceLock<Option<Code>> = OnceLock::new();
    let compile = || {
        function_is_built().then(|| {
            let mut config = Config::new();
            config.memory_init_cow(true);
            config.allocation_strategy(wasmtime::InstanceAllocationStrategy::pooling());
            let engine = Engine::new(&config).unwrap();
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
            let path = root().join("target/wasm32-wasip2/release/xray_nn.wasm");
            let compiled = Compiled::from_file(&engine, path).unwrap();
            Code {
                engine,
                linker,
                compiled,
            }
        })
    };
    CODE.get_or_init(compile).as_ref()
}

/// One instance. Not to be used on a thread that drives a tokio runtime, since WASI blocks it.
pub struct Instance {
    store: Store<State>,
    nn: bindings::Component,
}

/// A loaded graph of an instance.
#[derive(Clone, Copy)]
pub struct Graph(ResourceAny);

impl Instance {
    /// A fresh one that sees this folder at `/models`; nothing where the component is not built.
    pub fn new(models: Option<&Path>) -> Option<Self> {
        let code = code()?;
        let mut wasi = WasiCtxBuilder::new();
        if let Some(models) = models {
            wasi.preopened_dir(models, "/models", FsPerms::ReadOnly)
                .unwrap();
        }
        let state = State {
            wasi: wasi.build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&code.engine, state);
        let nn =
            bindings::Component::instantiate(&mut store, &code.compiled, &code.linker).unwrap();
        Some(Self { store, nn })
    }

    pub fn load_by_name(&mut self, name: &str) -> Result<Graph, NnError> {
        let loaded = self
            .nn
            .wasi_nn_graph()
            .call_load_by_name(&mut self.store, name);
        self.result(loaded.unwrap()).map(Graph)
    }

    pub fn load(
        &mut self,
        builder: &[Vec<u8>],
        encoding: GraphEncoding,
        target: ExecutionTarget,
    ) -> Result<Graph, NnError> {
        let graph = self.nn.wasi_nn_graph();
        let loaded = graph.call_load(&mut self.store, builder, encoding, target);
        self.result(loaded.unwrap()).map(Graph)
    }

    /// One run in a context of its own.
    pub fn compute(
        &mut self,
        Graph(graph): Graph,
        inputs: &[NamedTensor],
    ) -> Result<Vec<NamedTensor>, NnError> {
        let graphs = self.nn.wasi_nn_graph().graph();
        let context = graphs.call_init_execution_context(&mut self.store, graph);
        let context = self.result(context.unwrap())?;
        let mut named = Vec::new();
        for (name, Tensor { dims, ty, data }) in inputs {
            let tensors = self.nn.wasi_nn_tensor().tensor();
            let tensor = tensors.call_constructor(&mut self.store, dims, (*ty).into(), data);
            named.push((name.clone(), tensor.unwrap()));
        }
        let contexts = self.nn.wasi_nn_inference().graph_execution_context();
        let outputs = contexts.call_compute(&mut self.store, context, &named);
        let outputs = self.result(outputs.unwrap())?;
        let outputs = outputs.into_iter();
        Ok(outputs
            .map(|(name, tensor)| (name, self.tensor(tensor)))
            .collect())
    }

    fn tensor(&mut self, tensor: ResourceAny) -> Tensor {
        let tensors = self.nn.wasi_nn_tensor().tensor();
        let dims = tensors.call_dimensions(&mut self.store, tensor).unwrap();
        let ty = tensors.call_ty(&mut self.store, tensor).unwrap().into();
        let data = tensors.call_data(&mut self.store, tensor).unwrap();
        Tensor { dims, ty, data }
    }

    fn result<T>(&mut self, result: Result<T, ResourceAny>) -> Result<T, NnError> {
        result.map_err(|error| {
            let errors = self.nn.wasi_nn_errors().error();
            let code = errors.call_code(&mut self.store, error).unwrap();
            let message = errors.call_data(&mut self.store, error).unwrap();
            NnError::new(code.into(), message)
        })
    }
}

xray_nn::convert_bindings!(tensor::TensorType, errors::ErrorCode);
