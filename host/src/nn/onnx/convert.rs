//! Conversion between the tensors of `wasi:nn` and those of `ort`.

use std::borrow::Cow;

use half::{bf16, f16};
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor as OrtTensor, TensorElementType, TensorRef, ValueType},
};

use crate::nn::{
    error::NnError,
    tensor::{Port, Tensor, TensorType},
};

/// Converts a model's declaration of an input.
pub fn port(name: &str, ty: &ValueType) -> Port {
    let (ty, dims) = match ty {
        ValueType::Tensor { ty, shape, .. } => (
            // `wasi:nn` has no 16-bit integers; they are passed as 32-bit ones.
            match ty {
                TensorElementType::Int16 => Some(TensorType::I32),
                ty => tensor_type(*ty),
            },
            Some(shape.iter().map(|&dim| u32::try_from(dim).ok()).collect()),
        ),
        _ => (None, None),
    };
    Port {
        name: name.to_owned(),
        ty,
        dims,
    }
}

fn tensor_type(ty: TensorElementType) -> Option<TensorType> {
    Some(match ty {
        TensorElementType::Float16 => TensorType::Fp16,
        TensorElementType::Float32 => TensorType::Fp32,
        TensorElementType::Float64 => TensorType::Fp64,
        TensorElementType::Bfloat16 => TensorType::Bf16,
        TensorElementType::Uint8 => TensorType::U8,
        TensorElementType::Int32 => TensorType::I32,
        TensorElementType::Int64 => TensorType::I64,
        _ => return None,
    })
}

/// Copies a tensor of 32-bit integers to a value for an input of 16-bit ones.
pub fn to_i16_value(tensor: &Tensor) -> Result<DynValue, NnError> {
    let elements = tensor.to_i16()?;
    let value = OrtTensor::from_array((tensor.dims_i64(), elements)).map_err(NnError::runtime)?;
    Ok(value.into_dyn())
}

/// Converts a tensor to a value for `ort`. Bytes that are aligned for their elements are borrowed.
pub fn to_value(tensor: &Tensor) -> ort::Result<SessionInputValue<'_>> {
    macro_rules! typed {
        ($ty:ty) => {{
            let (elements, _) = tensor.data.as_chunks();
            let elements: Vec<$ty> = elements.iter().map(|b| <$ty>::from_le_bytes(*b)).collect();
            OrtTensor::from_array((tensor.dims_i64(), elements))?.into()
        }};
    }
    macro_rules! borrowed {
        ($ty:ty) => {
            match tensor.elements::<$ty>() {
                Cow::Borrowed(elements) => {
                    TensorRef::from_array_view((tensor.dims_i64(), elements))?.into()
                }
                Cow::Owned(elements) => {
                    OrtTensor::from_array((tensor.dims_i64(), elements))?.into()
                }
            }
        };
    }
    Ok(match tensor.ty {
        TensorType::Fp16 => typed!(f16),
        TensorType::Fp32 => borrowed!(f32),
        TensorType::Fp64 => borrowed!(f64),
        TensorType::Bf16 => typed!(bf16),
        TensorType::U8 => borrowed!(u8),
        TensorType::I32 => borrowed!(i32),
        TensorType::I64 => borrowed!(i64),
    })
}

/// Copies an output out of the session.
pub fn from_value(name: &str, value: &DynValue) -> Result<Tensor, NnError> {
    let element = match value.dtype() {
        ValueType::Tensor { ty, .. } => tensor_type(*ty),
        _ => None,
    };
    let Some(ty) = element else {
        let message = format!(
            "output {name:?} has type {}, which wasi:nn lacks",
            value.dtype()
        );
        return Err(NnError::unsupported(message));
    };
    macro_rules! bytes {
        ($ty:ty) => {{
            let (shape, elements) = value
                .try_extract_tensor::<$ty>()
                .map_err(NnError::runtime)?;
            (
                shape,
                elements
                    .iter()
                    .flat_map(|element| element.to_le_bytes())
                    .collect(),
            )
        }};
    }
    let (shape, data) = match ty {
        TensorType::Fp16 => bytes!(f16),
        TensorType::Fp32 => bytes!(f32),
        TensorType::Fp64 => bytes!(f64),
        TensorType::Bf16 => bytes!(bf16),
        TensorType::U8 => bytes!(u8),
        TensorType::I32 => bytes!(i32),
        TensorType::I64 => bytes!(i64),
    };
    let dims: Result<Vec<u32>, _> = shape.iter().map(|&dim| u32::try_from(dim)).collect();
    Ok(Tensor {
        dims: dims.map_err(NnError::runtime)?,
        ty,
        data,
    })
}
