//! The model's input tensor, from gray or color levels of its size.

use crate::model::{
    contract::{Channels, Contract, Layout},
    tensor::{Elements, InputTensor},
};

/// Scales and lays out, by the contract, levels of the model's size: one a pixel, or red, green and
/// blue.
pub(crate) fn lay_out(levels: &[u8], contract: &Contract) -> InputTensor {
    let input = &contract.input;
    let (width, height) = (input.width, input.height);
    let channels = input.channels.count();
    let value = |pixel: usize, c: usize| {
        let source = if input.channels == Channels::Bgr {
            channels - 1 - c
        } else {
            c
        };
        f32::from(levels[pixel * channels + source]) * input.scale.of(c) + input.offset.of(c)
    };
    let pixels = width as usize * height as usize;
    let places = 0..pixels * channels;
    match input.layout {
        Layout::Nhwc => InputTensor {
            dims: vec![1, height, width, channels as u32],
            data: Elements::collect(
                input.element_type,
                places.map(|at| value(at / channels, at % channels)),
            ),
        },
        Layout::Nchw => InputTensor {
            dims: vec![1, channels as u32, height, width],
            data: Elements::collect(
                input.element_type,
                places.map(|at| value(at % pixels, at / pixels)),
            ),
        },
    }
}
