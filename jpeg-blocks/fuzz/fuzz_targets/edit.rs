//! Edits in any place leave a readable file, and a fill leaves nothing of the original content.
#![no_main]

use jpeg_blocks::{Area, Jpeg, Keep, Limits};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_scans: 12 };

fuzz_target!(|input: (u16, u16, u8, u8, [u8; 3], &[u8])| {
    let (x, y, width, height, color, bytes) = input;
    let Ok(jpeg) = Jpeg::parse(bytes, &LIMITS) else { return };
    let (x, y) = (usize::from(x) % jpeg.width(), usize::from(y) % jpeg.height());
    let Some(area) = jpeg.area(x, y, usize::from(width), usize::from(height)) else { return };
    let mut pixels = jpeg.read(area).unwrap();
    pixels.data.iter_mut().step_by(3).for_each(|v| *v = !*v);
    let fill = jpeg.fill(area, color);
    let drawn = jpeg.write(&[jpeg.replace(area, &pixels).unwrap()], Keep::Everything).unwrap();
    let filled = jpeg.write(&[fill.clone()], Keep::Picture { icc: false }).unwrap();
    let both = Jpeg::parse(&drawn, &LIMITS).unwrap().write(&[fill], Keep::Picture { icc: false }).unwrap();
    let all = |bytes: &[u8]| {
        let jpeg = Jpeg::parse(bytes, &LIMITS).unwrap();
        let whole: Area = jpeg.full_area();
        jpeg.read(whole).unwrap().data
    };
    assert_eq!(all(&filled), all(&both));
});
