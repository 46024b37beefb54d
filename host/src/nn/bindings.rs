//! Bindings generated from `wit/wasi-nn.wit`.
#![allow(
    missing_docs,
    reason = "generated from the WIT file, which documents them"
)]

wasmtime::component::bindgen!({
    world: "ml",
    path: "../wit/wasi-nn.wit",
    with: {
        "wasi:nn/graph.graph": super::graph::GraphRef,
        "wasi:nn/tensor.tensor": super::tensor::Tensor,
        "wasi:nn/inference.graph-execution-context": super::host::ExecutionContext,
        "wasi:nn/errors.error": super::error::NnError,
    },
    imports: {
        "wasi:nn/inference.[method]graph-execution-context.compute": async | trappable,
        "wasi:nn/graph.load": async | trappable,
        default: trappable,
    },
});
