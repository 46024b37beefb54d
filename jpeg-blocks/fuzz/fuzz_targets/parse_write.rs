//! Files that parse can be written and read again, with the same pixels.
#![no_main]

use jpeg_blocks::{Jpeg, Keep, Limits};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_scans: 12 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(jpeg) = Jpeg::parse(bytes, &LIMITS) else { return };
    let before = jpeg.read(jpeg.full_area()).unwrap();
    for keep in [Keep::Everything, Keep::Picture { icc: true }] {
        let written = jpeg.write(&[], keep).unwrap();
        // Within the limits again: a written file has at most one scan per component.
        let again = Jpeg::parse(&written, &LIMITS).unwrap();
        assert_eq!(before.data, again.read(again.full_area()).unwrap().data);
    }
    (1..=8).for_each(|factor| drop(jpeg.reduced(factor)));
});
