//! Tensors as the function hands them to a graph and gets them back.

use std::borrow::Cow;

use serde::Deserialize;

use crate::error::Error;

/// The element type of a graph's input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ElementType {
    /// 32-bit floats.
    #[default]
    F32,
    /// Unsigned bytes.
    U8,
    /// Signed 16-bit integers.
    I16,
}

impl ElementType {
    /// Reports whether every number from `low` to `high` fits once it is rounded.
    pub(crate) fn holds(self, low: f32, high: f32) -> bool {
        let (least, greatest) = match self {
            ElementType::F32 => (f32::MIN, f32::MAX),
            ElementType::U8 => (0.0, f32::from(u8::MAX)),
            ElementType::I16 => (f32::from(i16::MIN), f32::from(i16::MAX)),
        };
        least <= low.round() && high.round() <= greatest
    }
}

impl TryFrom<String> for ElementType {
    type Error = String;

    fn try_from(name: String) -> Result<ElementType, String> {
        match name.as_str() {
            "f32" => Ok(ElementType::F32),
            "u8" => Ok(ElementType::U8),
            "i16" => Ok(ElementType::I16),
            "coefficients" => Err(
                "`input.type` `coefficients` is reserved for models that read JPEG coefficients; \
                 this build reads none, so use `f32`, `u8` or `i16`"
                    .into(),
            ),
            other => Err(format!(
                "`input.type` `{other}` is not known; use `f32`, `u8` or `i16`"
            )),
        }
    }
}

/// The elements of an input tensor, of the type that the graph's input has.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// Signed 16-bit integers.
    I16(Vec<i16>),
}

impl Elements {
    /// Collects values; integers are rounded, and a value beyond their range becomes its nearest
    /// end.
    pub(crate) fn collect(ty: ElementType, values: impl Iterator<Item = f32>) -> Elements {
        match ty {
            ElementType::F32 => Elements::F32(values.collect()),
            ElementType::U8 => Elements::U8(values.map(|v| v.round() as u8).collect()),
            ElementType::I16 => Elements::I16(values.map(|v| v.round() as i16).collect()),
        }
    }

    /// Returns the bytes of the elements, as the machine has them: in WebAssembly as `wasi:nn`
    /// passes them. It has no 16-bit integers, so they become 32-bit ones.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Elements::F32(values) => bytemuck::cast_slice(values).into(),
            Elements::U8(values) => values.into(),
            Elements::I16(values) => {
                let wide: Vec<i32> = values.iter().map(|value| i32::from(*value)).collect();
                bytemuck::cast_slice(&wide).to_vec().into()
            }
        }
    }

    /// Returns the elements as floats, whatever their type.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Elements::F32(values) => values.clone(),
            Elements::U8(values) => values.iter().copied().map(f32::from).collect(),
            Elements::I16(values) => values.iter().copied().map(f32::from).collect(),
        }
    }
}

/// A dense tensor for a graph's input, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct InputTensor {
    /// The size of each axis.
    pub dims: Vec<u32>,
    /// As many elements as the product of `dims`.
    pub data: Elements,
}

/// A dense f32 tensor from a graph's output, in row-major order.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_rounded_and_clamped() {
        let values = [-1.5, 0.4, 0.5, 254.6, 300.0];
        let collect = |ty| Elements::collect(ty, values.into_iter());
        assert_eq!(collect(ElementType::F32), Elements::F32(values.to_vec()));
        assert_eq!(
            collect(ElementType::U8),
            Elements::U8(vec![0, 0, 1, 255, 255])
        );
        assert_eq!(
            collect(ElementType::I16),
            Elements::I16(vec![-2, 0, 1, 255, 300])
        );
    }

    #[test]
    fn element_types_hold_their_ranges() {
        for (ty, low, high, holds) in [
            (ElementType::F32, -1e30, 1e30, true),
            (ElementType::U8, 0.0, 255.0, true),
            (ElementType::U8, -0.4, 255.4, true),
            (ElementType::U8, -1.0, 255.0, false),
            (ElementType::U8, 0.0, 256.0, false),
            (ElementType::I16, -32768.0, 32767.0, true),
            (ElementType::I16, 0.0, 32768.0, false),
        ] {
            assert_eq!(ty.holds(low, high), holds, "{ty:?} from {low} to {high}");
        }
    }

    #[test]
    fn bytes_are_those_of_the_elements() {
        for (elements, expect) in [
            (Elements::U8(vec![0, 1, 255]), vec![0, 1, 255]),
            (
                Elements::F32(vec![1.5, -2.0]),
                [1.5f32.to_ne_bytes(), (-2f32).to_ne_bytes()].concat(),
            ),
            (
                Elements::I16(vec![-2, 300]),
                [(-2i32).to_ne_bytes(), 300i32.to_ne_bytes()].concat(),
            ),
        ] {
            assert_eq!(elements.bytes(), expect, "{elements:?}");
        }
        let elements = Elements::F32(vec![0.5; 4]);
        assert!(matches!(elements.bytes(), Cow::Borrowed(_)));
    }

    #[test]
    fn missing_outputs_and_elements_are_named() {
        let outputs = [NamedTensor {
            name: "distance".into(),
            tensor: Tensor {
                dims: vec![1],
                data: vec![0.0],
            },
        }];
        for (name, index, expect) in [
            ("view", 0, "no output `view`; the graph has distance"),
            ("distance", 1, "output `distance` has no element 1"),
        ] {
            let error = element(&outputs, name, index).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }
}
