//! Pixels of an opened object, if they fit in memory.

use crate::{
    dicom::{
        element::DataSet,
        frame::Frame,
        object::{self, Container},
        render::Tables,
        syntax::{Coding, Syntax},
    },
    error::Error,
    picture::limits::Limits,
};

/// Decodes the pixels of an object whose file has so many bytes, if that fits in memory, and reads
/// how they are shown.
///
/// # Errors
/// As [`super::process`].
pub(in crate::pipeline) fn decoded(
    data: &DataSet<'_>,
    bytes: usize,
    container: &Container<'_>,
    limits: &Limits,
) -> Result<(Frame, Tables), Error> {
    let held = bytes + container.inflated();
    check_memory(data, held, container.syntax, limits)?;
    let frame = Frame::decode(data, container.syntax, limits)?;
    let tables = Tables::read(data, &frame)?;
    Ok((frame, tables))
}

/// Checks that an object fits in memory, before its pixels are decoded: the file, once more as the
/// copy, the samples of both, two views, the looks at all of them, and a decoder's own samples.
fn check_memory(
    data: &DataSet<'_>,
    held: usize,
    syntax: &Syntax,
    limits: &Limits,
) -> Result<(), Error> {
    const FIXED: u64 = 48 << 20;
    let pixels = object::pixels(data, limits)?;
    let each = match syntax.coding {
        Coding::Native => 13,
        Coding::Rle | Coding::Jpeg | Coding::LosslessJpeg | Coding::JpegLs => 15,
        // Coefficients and samples in 32 bit each, a level of the wavelet, and the stream of noise.
        Coding::Jpeg2000 => 22,
    };
    limits.check_memory(FIXED + held as u64 + pixels * each)
}
