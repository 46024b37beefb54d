//! The scaling of levels to the values of an input tensor.

use serde::Deserialize;

use crate::{
    error::Error,
    model::{tensor::ElementType, version::invalid},
};

/// One number for all channels or one for each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PerChannel {
    /// The same for all.
    All(f32),
    /// One for each, in the order of the channels.
    Each(Vec<f32>),
}

impl PerChannel {
    /// Returns the number of one channel; a contract that was parsed has one for each.
    pub fn of(&self, channel: usize) -> f32 {
        match self {
            PerChannel::All(v) => *v,
            PerChannel::Each(v) => v.get(channel).copied().unwrap_or(0.0),
        }
    }

    /// Checks the numbers of the key `input.<key>`.
    ///
    /// # Errors
    /// [`Error::Model`] when their count is not that of the channels, or one is not finite.
    pub(crate) fn check(&self, key: &str, channels: usize) -> Result<(), Error> {
        let (values, complete) = match self {
            PerChannel::All(v) => (std::slice::from_ref(v), true),
            PerChannel::Each(v) => (v.as_slice(), v.len() == channels),
        };
        if !complete {
            return Err(invalid(format!(
                "`input.{key}` must be one number or {channels}"
            )));
        }
        if !values.iter().all(|v| v.is_finite()) {
            return Err(invalid(format!("`input.{key}` must be finite")));
        }
        Ok(())
    }
}

/// Checks that the type of an input's elements holds every level once it is scaled.
///
/// # Errors
/// [`Error::Model`] that gives the range of the values.
pub(crate) fn check_range(ty: ElementType, scale: f32, offset: f32) -> Result<(), Error> {
    let (black, white) = (offset, 255.0 * scale + offset);
    if ty.holds(black.min(white), black.max(white)) {
        return Ok(());
    }
    Err(invalid(format!(
        "`input.scale` and `input.offset` make values from {black} to {white}, which `input.type` can't hold; \
         change them or use `f32`"
    )))
}
