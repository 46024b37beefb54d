//! Tensors as `wasi:nn` passes them, and the ports of a graph that they must fit.

use crate::error::{ErrorCode, NnError};

/// Types of elements, as the interface has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorType {
    /// IEEE half.
    Fp16,
    /// IEEE single.
    Fp32,
    /// IEEE double.
    Fp64,
    /// The upper half of an IEEE single.
    Bf16,
    /// 8-bit, unsigned.
    U8,
    /// 32-bit, signed.
    I32,
    /// 64-bit, signed.
    I64,
}

/// A tensor: little-endian elements in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Size of each dimension.
    pub dims: Vec<u32>,
    /// Type of the elements.
    pub ty: TensorType,
    /// The elements' bytes.
    pub data: Vec<u8>,
}

/// A tensor and the name of the graph's input or output that it belongs to.
pub type NamedTensor = (String, Tensor);

/// An input of a graph as its model declares it; `None` stands for what the model leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name in the model.
    pub name: String,
    /// Type of the elements.
    pub ty: Option<TensorType>,
    /// Size of each dimension.
    pub dims: Option<Vec<Option<u32>>>,
}

impl Tensor {
    /// A tensor of 32-bit floats.
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

    /// The elements, if they are 32-bit floats.
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

    /// Returns the elements of a 32-bit integer tensor as 16-bit ones. `wasi:nn` has no 16-bit integers, so the inputs of a
    /// model that takes them are passed as 32-bit ones.
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

    /// The dimensions as the C interfaces of the backends want them.
    pub fn dims_i64(&self) -> Vec<i64> {
        self.dims.iter().map(|&dim| i64::from(dim)).collect()
    }
}

impl Port {
    /// Refuses a tensor that does not fit, before a backend sees it: each library answers such
    /// input in its own way, from a good message to an abort.
    fn check(&self, tensor: &Tensor) -> Result<(), NnError> {
        let refuse = |message: String| {
            Err(NnError::new(
                ErrorCode::InvalidArgument,
                format!("input {:?}: {message}", self.name),
            ))
        };
        if tensor.dims.contains(&0) {
            return refuse(format!("dimensions {:?} hold no element", tensor.dims));
        }
        let wanted = tensor
            .dims
            .iter()
            .try_fold(element_size(tensor.ty), |size, &dim| {
                size.checked_mul(usize::try_from(dim).ok()?)
            });
        if wanted != Some(tensor.data.len()) {
            return refuse(format!(
                "{} bytes do not make {:?} of {:?}",
                tensor.data.len(),
                tensor.ty,
                tensor.dims
            ));
        }
        if let Some(ty) = self.ty
            && ty != tensor.ty
        {
            return refuse(format!("the model wants {ty:?}, not {:?}", tensor.ty));
        }
        if let Some(dims) = &self.dims {
            let fits = dims.len() == tensor.dims.len()
                && dims
                    .iter()
                    .zip(&tensor.dims)
                    .all(|(want, have)| want.is_none_or(|w| w == *have));
            if !fits {
                return refuse(format!(
                    "the model wants {}, not {:?}",
                    shape(dims),
                    tensor.dims
                ));
            }
        }
        Ok(())
    }
}

/// Refuses inputs that are not just those of a graph with these ports, each fitting its own.
///
/// # Errors
/// `invalid-argument`, naming the input.
pub fn check(ports: &[Port], inputs: &[NamedTensor]) -> Result<(), NnError> {
    let refuse = |message| Err(NnError::new(ErrorCode::InvalidArgument, message));
    for (index, (name, tensor)) in inputs.iter().enumerate() {
        let Some(port) = ports.iter().find(|port| port.name == *name) else {
            let names = names(ports);
            return refuse(format!("the model has no input {name:?}, only {names}"));
        };
        if inputs[..index].iter().any(|(earlier, _)| earlier == name) {
            return refuse(format!("input {name:?} is given twice"));
        }
        port.check(tensor)?;
    }
    if inputs.len() < ports.len() {
        let (given, names) = (inputs.len(), names(ports));
        return refuse(format!("{given} inputs given, the model wants {names}"));
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

/// Bytes in one element.
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
    fn what_does_not_fit_a_port_is_an_invalid_argument() {
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
