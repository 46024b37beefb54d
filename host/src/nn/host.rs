//! The `wasi:nn` interfaces as the guest calls them.
//!
//! Nothing here blocks the executor, and no argument of a guest can stop the host: an invalid one
//! becomes an error resource, and a forged handle traps only that guest.

use std::{fmt, sync::Arc};

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::{
    Inference,
    bindings::wasi::nn::{
        errors,
        graph::{self, ExecutionTarget, GraphEncoding},
        inference, tensor,
    },
    error::NnError,
    graph::Graph,
    tensor::Tensor,
};

/// Result of `init-execution-context`. The graph is computed on any free session.
pub struct ExecutionContext(Arc<Graph>);

/// One guest's use of `wasi:nn`.
pub struct NnView<'a> {
    /// The guest's resources.
    pub table: &'a mut ResourceTable,
    /// Backend and models, shared by all guests.
    pub inference: &'a Arc<Inference>,
    /// Accounting of the tensors that this guest keeps in the host.
    pub tensor_bytes: &'a mut TensorBytes,
}

/// Limit on a guest's tensors. They are outside its memory, so its memory limit does not cover
/// them.
#[derive(Debug)]
pub struct TensorBytes {
    used: usize,
    limit: usize,
}

/// The trap of a guest that keeps too many bytes of tensors.
#[derive(Debug)]
pub struct TensorLimit(usize);

impl fmt::Display for TensorLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the guest exceeded its limit of {} bytes of tensors",
            self.0
        )
    }
}

impl std::error::Error for TensorLimit {}

impl TensorBytes {
    /// Creates an unused limit of this many bytes.
    pub fn new(limit: usize) -> Self {
        Self { used: 0, limit }
    }

    fn add(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limit {
            return Err(TensorLimit(self.limit).into());
        }
        Ok(())
    }

    fn remove(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}

struct HasNn;

impl HasData for HasNn {
    type Data<'a> = NnView<'a>;
}

/// Adds `wasi:nn` to a linker.
///
/// # Errors
/// When the linker already has one of the interfaces.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> NnView<'_>,
) -> wasmtime::Result<()> {
    graph::add_to_linker::<_, HasNn>(linker, view)?;
    tensor::add_to_linker::<_, HasNn>(linker, view)?;
    inference::add_to_linker::<_, HasNn>(linker, view)?;
    errors::add_to_linker::<_, HasNn>(linker, view)
}

/// The outer error is a trap, the inner one a resource for the guest.
type GuestResult<T> = wasmtime::Result<Result<T, Resource<NnError>>>;

impl NnView<'_> {
    fn guest_result<T: Send + 'static>(
        &mut self,
        result: Result<T, NnError>,
    ) -> GuestResult<Resource<T>> {
        Ok(match result {
            Ok(value) => Ok(self.table.push(value)?),
            Err(error) => Err(self.table.push(error)?),
        })
    }

    fn take(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Tensor> {
        let tensor = self.table.delete(tensor)?;
        self.tensor_bytes.remove(tensor.data.len());
        Ok(tensor)
    }

    fn keep(&mut self, tensor: Tensor) -> wasmtime::Result<Resource<Tensor>> {
        self.tensor_bytes.add(tensor.data.len())?;
        Ok(self.table.push(tensor)?)
    }
}

impl graph::Host for NnView<'_> {
    async fn load(
        &mut self,
        builder: Vec<Vec<u8>>,
        encoding: GraphEncoding,
        target: ExecutionTarget,
    ) -> GuestResult<Resource<Arc<Graph>>> {
        let graph = self.inference.load(builder, encoding, target).await;
        self.guest_result(graph)
    }

    fn load_by_name(&mut self, name: String) -> GuestResult<Resource<Arc<Graph>>> {
        let graph = self.inference.by_name(&name);
        self.guest_result(graph)
    }
}

impl graph::HostGraph for NnView<'_> {
    fn init_execution_context(
        &mut self,
        graph: Resource<Arc<Graph>>,
    ) -> GuestResult<Resource<ExecutionContext>> {
        let graph = self.table.get(&graph)?.clone();
        self.guest_result(Ok(ExecutionContext(graph)))
    }

    fn drop(&mut self, graph: Resource<Arc<Graph>>) -> wasmtime::Result<()> {
        self.table.delete(graph)?;
        Ok(())
    }
}

impl tensor::Host for NnView<'_> {}

impl tensor::HostTensor for NnView<'_> {
    fn new(
        &mut self,
        dims: Vec<u32>,
        ty: tensor::TensorType,
        data: Vec<u8>,
    ) -> wasmtime::Result<Resource<Tensor>> {
        // The constructor can't fail, so consistency is checked when the tensor is used.
        let ty = ty.into();
        self.keep(Tensor { dims, ty, data })
    }

    fn dimensions(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Vec<u32>> {
        Ok(self.table.get(&tensor)?.dims.clone())
    }

    fn ty(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<tensor::TensorType> {
        Ok(self.table.get(&tensor)?.ty.into())
    }

    fn data(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&tensor)?.data.clone())
    }

    fn drop(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<()> {
        self.take(tensor)?;
        Ok(())
    }
}

impl inference::Host for NnView<'_> {}

impl inference::HostGraphExecutionContext for NnView<'_> {
    async fn compute(
        &mut self,
        context: Resource<ExecutionContext>,
        inputs: Vec<(String, Resource<Tensor>)>,
    ) -> GuestResult<Vec<(String, Resource<Tensor>)>> {
        let graph = self.table.get(&context)?.0.clone();
        let mut taken = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            taken.push((name, self.take(tensor)?));
        }
        match graph.compute(taken).await {
            Ok(outputs) => {
                let mut kept = Vec::with_capacity(outputs.len());
                for (name, tensor) in outputs {
                    kept.push((name, self.keep(tensor)?));
                }
                Ok(Ok(kept))
            }
            Err(error) => Ok(Err(self.table.push(error)?)),
        }
    }

    fn drop(&mut self, context: Resource<ExecutionContext>) -> wasmtime::Result<()> {
        self.table.delete(context)?;
        Ok(())
    }
}

impl errors::Host for NnView<'_> {}

impl errors::HostError for NnView<'_> {
    fn code(&mut self, error: Resource<NnError>) -> wasmtime::Result<errors::ErrorCode> {
        Ok(self.table.get(&error)?.code.into())
    }

    fn data(&mut self, error: Resource<NnError>) -> wasmtime::Result<String> {
        Ok(self.table.get(&error)?.message.clone())
    }

    fn drop(&mut self, error: Resource<NnError>) -> wasmtime::Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}

xray_nn::convert_bindings!(tensor::TensorType, errors::ErrorCode);
