//! Tensors of `wasi:nn`, and the input ports of a graph that they must fit.

use std::borrow::Cow;

use bytemuck::AnyBitPattern;

use crate::error::{ErrorCode, NnError};

const _: () = assert!(cfg!(target_endian = "little"), "tensors are little-endian");

/// Element types of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorType {
    /// 16-bit IEEE float.
    Fp16,
    /// 32-bit IEEE float.
    Fp32,
    /// 64-bit IEEE float.
    Fp64,
    /// 16-bit brain float: the upper half of a 32-bit IEEE float.
    Bf16,
    /// 8-bit unsigned integer.
    U8,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
}

/// A tensor with little-endian elements in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Sizes of the dimensions.
    pub dims: Vec<u32>,
    /// Element type.
    pub ty: TensorType,
    /// Bytes of the elements.
    pub data: Vec<u8>,
}

/// A tensor with the name of its graph input or output.
pub type NamedTensor = (String, Tensor);

/// An input that a model declares. `None` means that the model accepts anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name of the input in the model.
    pub name: String,
    /// Element type.
    pub ty: Option<TensorType>,
    /// Sizes of the dimensions.
    pub dims: Option<Vec<Option<u32>>>,
}

impl Tensor {
    /// Creates a tensor of 32-bit floats.
    pub fn f32(dims: &[u32], values: &[f32]) -> Self {
        let data = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        Self {
            dims: dims.to_vec(),
            ty: TensorType::Fp32,
            data,
        }
    }

    /// Returns the elements, borrowed if the bytes are aligned for them, as those of a large
    /// tensor are. The caller has matched their type.
    pub fn elements<T: AnyBitPattern>(&self) -> Cow<'_, [T]> {
        match bytemuck::try_cast_slice(&self.data) {
            Ok(elements) => Cow::Borrowed(elements),
            Err(_) => {
                let elements = self.data.chunks_exact(size_of::<T>());
                elements.map(bytemuck::pod_read_unaligned).collect()
            }
        }
    }

    /// Returns the elements, or `None` unless they are 32-bit floats.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        let (chunks, []) = self.data.as_chunks() else {
            return None;
        };
        (self.ty == TensorType::Fp32).then(|| {
            chunks
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect()
        })
    }

    /// Returns the elements of a 32-bit integer tensor as 16-bit ones. `wasi:nn` has no 16-bit
    /// integers, so the inputs of a model that takes them are passed as 32-bit ones.
    ///
    /// # Errors
    /// `invalid-argument` when the elements have another type or one is beyond 16 bits.
    pub fn to_i16(&self) -> Result<Vec<i16>, NnError> {
        let refuse = || {
            NnError::new(
                ErrorCode::InvalidArgument,
                "the model takes 16-bit integers, passed as I32",
            )
        };
        let (elements, []) = self.data.as_chunks() else {
            return Err(refuse());
        };
        if self.ty != TensorType::I32 {
            return Err(refuse());
        }
        elements
            .iter()
            .map(|bytes| i16::try_from(i32::from_le_bytes(*bytes)).map_err(|_| refuse()))
            .collect()
    }

    /// Returns the dimensions as the backends' C interfaces expect them.
    pub fn dims_i64(&self) -> Vec<i64> {
        self.dims.iter().map(|&dim| i64::from(dim)).collect()
    }
}

impl Port {
    /// Rejects a tensor that does not fit. Backends react to such input in different ways, from a
    /// good error message to an abort.
    fn check(&self, tensor: &Tensor) -> Result<(), NnError> {
        let reject = |message: String| {
            Err(NnError::new(
                ErrorCode::InvalidArgument,
                format!("input {:?}: {message}", self.name),
            ))
        };
        if tensor.dims.contains(&0) {
            return reject(format!("dimensions {:?} contain no elements", tensor.dims));
        }
        let wanted = tensor
            .dims
            .iter()
            .try_fold(element_size(tensor.ty), |size, &dim| {
                size.checked_mul(usize::try_from(dim).ok()?)
            });
        if wanted != Some(tensor.data.len()) {
            return reject(format!(
                "{} bytes are not the size of {:?} elements with dimensions {:?}",
                tensor.data.len(),
                tensor.ty,
                tensor.dims
            ));
        }
        if let Some(ty) = self.ty
            && ty != tensor.ty
        {
            return reject(format!("the model expects {ty:?}, not {:?}", tensor.ty));
        }
        if let Some(dims) = &self.dims {
            let fits = dims.len() == tensor.dims.len()
                && dims
                    .iter()
                    .zip(&tensor.dims)
                    .all(|(want, have)| want.is_none_or(|w| w == *have));
            if !fits {
                return reject(format!(
                    "the model expects dimensions {}, not {:?}",
                    shape(dims),
                    tensor.dims
                ));
            }
        }
        Ok(())
    }
}

/// Checks that the inputs are exactly those of a graph with these ports, and that each fits its
/// port.
///
/// # Errors
/// `invalid-argument`, naming the input.
pub fn check(ports: &[Port], inputs: &[NamedTensor]) -> Result<(), NnError> {
    let reject = |message| Err(NnError::new(ErrorCode::InvalidArgument, message));
    for (index, (name, tensor)) in inputs.iter().enumerate() {
        let Some(port) = ports.iter().find(|port| port.name == *name) else {
            let names = names(ports);
            return reject(format!("the model has no input {name:?}, only {names}"));
        };
        if inputs[..index].iter().any(|(earlier, _)| earlier == name) {
            return reject(format!("input {name:?} given twice"));
        }
        port.check(tensor)?;
    }
    if inputs.len() < ports.len() {
        let (given, names) = (inputs.len(), names(ports));
        return reject(format!("{given} inputs given, the model expects {names}"));
    }
    Ok(())
}

fn names(ports: &[Port]) -> String {
    let names: Vec<_> = ports
        .iter()
        .map(|port| format!("{:?}", port.name))
        .collect();
    names.join(", ")
}

/// Returns the size of an element in bytes.
pub fn element_size(ty: TensorType) -> usize {
    match ty {
        TensorType::U8 => 1,
        TensorType::Fp16 | TensorType::Bf16 => 2,
        TensorType::Fp32 | TensorType::I32 => 4,
        TensorType::Fp64 | TensorType::I64 => 8,
    }
}

fn shape(dims: &[Option<u32>]) -> String {
    let dims: Vec<_> = dims
        .iter()
        .map(|dim| dim.map_or_else(|| "?".to_owned(), |dim| dim.to_string()))
        .collect();
    format!("[{}]", dims.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_at_any_alignment() {
        let values = [1.5f32, -2.0, 1e9];
        let tensor = Tensor::f32(&[3], &values);
        assert_eq!(tensor.elements::<f32>()[..], values);
        // Bytes that were cut off in the middle of an element.
        let short = Tensor {
            data: tensor.data[..10].to_vec(),
            ..tensor
        };
        assert_eq!(short.elements::<f32>()[..], values[..2]);
    }

    #[test]
    fn integers_beyond_16_bits_are_an_invalid_argument() {
        let tensor = |values: &[i32]| Tensor {
            dims: vec![values.len() as u32],
            ty: TensorType::I32,
            data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        };
        let fits = tensor(&[-32768, 0, 32767]);
        assert_eq!(fits.to_i16().unwrap(), [-32768, 0, 32767]);
        let floats = Tensor::f32(&[1], &[1.0]);
        for refused in [tensor(&[32768]), tensor(&[0, -32769]), floats] {
            let error = refused.to_i16().unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
        }
    }

    #[test]
    fn port_rejects_tensors_that_do_not_fit() {
        let port = Port {
            name: "input".into(),
            ty: Some(TensorType::Fp32),
            dims: Some(vec![None, Some(2), Some(3)]),
        };
        let good = Tensor::f32(&[1, 2, 3], &[0.0; 6]);
        assert!(port.check(&good).is_ok());
        assert!(port.check(&Tensor::f32(&[4, 2, 3], &[0.0; 24])).is_ok());
        let bad = [
            Tensor::f32(&[1, 2, 4], &[0.0; 8]),
            Tensor::f32(&[1, 2, 3, 1], &[0.0; 6]),
            Tensor::f32(&[], &[0.0; 1]),
            Tensor::f32(&[1, 2, 3], &[0.0; 5]),
            Tensor::f32(&[0, 2, 3], &[]),
            Tensor::f32(&[u32::MAX, u32::MAX, u32::MAX], &[]),
            Tensor {
                ty: TensorType::I32,
                ..good.clone()
            },
            Tensor {
                ty: TensorType::Fp64,
                ..good
            },
        ];
        for tensor in bad {
            let error = port.check(&tensor).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
            assert!(error.message.contains("\"input\""), "{error}");
        }
    }
}
