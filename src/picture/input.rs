//! A decoded picture as a model's input tensor.

use image::DynamicImage;

use crate::{
    model::{
        contract::{Channels, Contract},
        input::lay_out,
        tensor::InputTensor,
    },
    picture::{gray::luma, resize::resize},
};

/// Returns the model's input for a picture: the whole picture resized, scaled and laid out by the
/// contract.
pub fn tensor(pixels: &DynamicImage, contract: &Contract) -> InputTensor {
    let input = &contract.input;
    let from = (pixels.width() as usize, pixels.height() as usize);
    let to = (input.width as usize, input.height as usize);
    let levels = match input.channels {
        Channels::Gray => resize(&luma(pixels), from, 1, to, input.resize),
        Channels::Rgb | Channels::Bgr => {
            resize(pixels.to_rgb8().as_raw(), from, 3, to, input.resize)
        }
    };
    lay_out(&levels, contract)
}
