//! Redacts a box of a JPEG: `redact INPUT OUTPUT X Y WIDTH HEIGHT` fills it with black.
//!
//! Nothing outside of the box is encoded again, except that the box grows to whole MCUs: the
//! coefficients of all other blocks stay the same. Metadata is dropped unless it is needed to
//! display the picture.

use std::{env, error::Error, fs};

use jpeg_blocks::{Jpeg, Keep, Limits};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [input, output, numbers @ ..] = arguments.as_slice() else {
        return Err("usage: redact INPUT OUTPUT X Y WIDTH HEIGHT".into());
    };
    let numbers: Vec<usize> = numbers
        .iter()
        .map(|n| n.parse())
        .collect::<Result<_, _>>()?;
    let &[x, y, width, height] = numbers.as_slice() else {
        return Err("a box takes four numbers: X Y WIDTH HEIGHT".into());
    };

    let bytes = fs::read(input)?;
    let jpeg = Jpeg::parse(&bytes, &Limits::default())?;
    let area = jpeg
        .area(x, y, width, height)
        .ok_or("the box lies outside of the picture")?;
    let redacted = jpeg.write(&[jpeg.fill(area, [0, 0, 0])], Keep::Picture { icc: true })?;
    fs::write(output, &redacted)?;

    let (mcu_width, mcu_height) = jpeg.mcu_size();
    println!(
        "filled {} x {} pixels at {},{}: {} bytes became {}",
        area.width * mcu_width,
        area.height * mcu_height,
        area.x * mcu_width,
        area.y * mcu_height,
        bytes.len(),
        redacted.len()
    );
    Ok(())
}
