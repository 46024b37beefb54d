//! A decoded picture as a model's input tensor.

use image::DynamicImage;

use crate::{
    model::{
        contract::{Channels, Contract},
        input::lay_out,
        tensor::Tensor,
    },
    picture::resize,
};

/// Returns the model's input for a picture: all of it resized, scaled and laid out by the contract.
pub fn tensor(pixels: &DynamicImage, contract: &Contract) -> Tensor {
    let input = &contract.input;
    let levels = match input.channels {
        Channels::Grey => resize::grey(pixels, input.width, input.height, input.resize),
        Channels::Rgb | Channels::Bgr => {
            resize::rgb(pixels, input.width, input.height, input.resize)
        }
    };
    lay_out(&levels, contract)
}
