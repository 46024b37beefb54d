//! The model's input tensor, from levels of its size.

use crate::model::{
    contract::{Channels, Contract, Layout},
    tensor::Tensor,
};

/// Levels of the model's size, one a pixel or red, green and blue, scaled and laid out by the contract.
pub(crate) fn lay_out(levels: &[u8], contract: &Contract) -> Tensor {
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
    let mut data = Vec::with_capacity(pixels * channels);
    let dims = match input.layout {
        Layout::Nhwc => {
            for p in 0..pixels {
                data.extend((0..channels).map(|c| value(p, c)));
            }
            vec![1, height, width, channels as u32]
        }
        Layout::Nchw => {
            for c in 0..channels {
                data.extend((0..pixels).map(|p| value(p, c)));
            }
            vec![1, channels as u32, height, width]
        }
    };
    Tensor { dims, data }
}
