//! Tensors as the function hands them to a graph and gets them back.

use crate::error::Error;

/// A dense f32 tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The size of each axis.
    pub dims: Vec<u32>,
    /// As many values as the product of `dims`.
    pub data: Vec<f32>,
}

/// An output of the graph with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// The name in the graph.
    pub name: String,
    /// The values.
    pub tensor: Tensor,
}

/// Returns one element of one output.
///
/// # Errors
/// [`Error::Model`] that names what is missing, and what the graph has.
pub(crate) fn element(outputs: &[NamedTensor], name: &str, index: usize) -> Result<f32, Error> {
    let output = named(outputs, name)?;
    output
        .tensor
        .data
        .get(index)
        .copied()
        .ok_or_else(|| Error::Model(format!("output `{name}` has no element {index}")))
}

/// Returns one output.
///
/// # Errors
/// [`Error::Model`] that lists the graph's outputs.
pub(crate) fn named<'a>(outputs: &'a [NamedTensor], name: &str) -> Result<&'a NamedTensor, Error> {
    outputs.iter().find(|o| o.name == name).ok_or_else(|| {
        let names: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        Error::Model(format!(
            "no output `{name}`; the graph has {}",
            names.join(", ")
        ))
    })
}
