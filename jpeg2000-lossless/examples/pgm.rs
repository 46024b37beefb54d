//! Encodes a PGM picture: `pgm IN.pgm OUT.j2c`.
use jpeg2000_lossless::{Format, encode};
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("give the names of a PGM picture and of the codestream".into());
    };
    let bytes = fs::read(from)?;
    let mut at = 0;
    let mut word = || {
        let rest = &bytes[at..];
        let length = rest.iter().take_while(|b| !b.is_ascii_whitespace()).count();
        at += length + 1;
        std::str::from_utf8(&rest[..length])
    };
    if word()? != "P5" {
        return Err("this is not a binary PGM picture".into());
    }
    let (width, height, most): (u32, u32, u32) =
        (word()?.parse()?, word()?.parse()?, word()?.parse()?);
    let samples = match most {
        ..256 => bytes[at..].iter().map(|b| i32::from(*b)).collect(),
        _ => bytes[at..]
            .as_chunks()
            .0
            .iter()
            .map(|b| i32::from(u16::from_be_bytes(*b)))
            .collect(),
    };
    let bits = most.ilog2() as u8 + 1;
    let start = std::time::Instant::now();
    let stream = encode(
        samples,
        &Format {
            width,
            height,
            bits,
            is_signed: false,
        },
    )?;
    println!("{} bytes in {:?}", stream.len(), start.elapsed());
    Ok(fs::write(to, stream)?)
}
