//! Every accepted box lies on the picture.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u32, u32)| {
    let (text, width, height) = input;
    let Ok(boxes) = xray::picture::boxes::parse_boxes(text) else {
        return;
    };
    for rect in boxes.iter().filter_map(|spec| spec.on(width, height)) {
        assert!(
            rect.x
                .checked_add(rect.width)
                .is_some_and(|end| end <= width)
        );
        assert!(
            rect.y
                .checked_add(rect.height)
                .is_some_and(|end| end <= height)
        );
    }
});
