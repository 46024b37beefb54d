//! The model's input tensor.

use image::{ImageBuffer, Rgb};

use super::{LIMITS, png};
use crate::{
    model::{
        contract::Contract,
        scaling::PerChannel,
        tensor::{ElementType, Elements},
    },
    picture::{decode::decode, input::tensor},
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/training/pneumonia/fixtures");

fn contract(resize: &str, layout: &str, channels: &str) -> Contract {
    Contract::parse(&format!(
        r#"{{"version":2,"name":"m","model_sha256":"{}","input":{{"name":"x","layout":"{layout}","width":150,"height":150,
        "channels":"{channels}","resize":"{resize}","scale":1,"offset":0}},"output":{{"name":"y","kind":"probability"}}}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

#[test]
fn resize_agrees_with_pillow_to_one_gray_level() {
    for name in ["grey-640x480", "rgb-1203x877", "grey-160x151"] {
        for (rule, suffix, allowed) in [
            ("box-then-bilinear", "150", 1.0),
            ("nearest", "150.nearest", 0.0),
        ] {
            let source = std::fs::read(format!("{FIXTURES}/{name}.png")).unwrap();
            let want = image::open(format!("{FIXTURES}/{name}.{suffix}.png"))
                .unwrap()
                .to_luma8();
            let got = tensor(
                decode(&source, &LIMITS).unwrap().pixels(),
                &contract(rule, "NHWC", "grey"),
            );
            let worst = got
                .data
                .to_f32()
                .iter()
                .zip(want.as_raw())
                .map(|(g, &w)| (g - f32::from(w)).abs())
                .fold(0f32, f32::max);
            assert!(worst <= allowed, "{name} {rule}: {worst} levels off");
        }
    }
}

#[test]
fn layouts_and_channel_orders_hold_the_same_values() {
    let picture = ImageBuffer::from_fn(150, 150, |x, y| Rgb([x as u8, y as u8, 7u8]));
    let picture = decode(&png(&picture.into()), &LIMITS).unwrap();
    let nhwc = tensor(picture.pixels(), &contract("nearest", "NHWC", "rgb"));
    let nchw = tensor(picture.pixels(), &contract("nearest", "NCHW", "bgr"));
    assert_eq!(nhwc.dims, [1, 150, 150, 3]);
    assert_eq!(nchw.dims, [1, 3, 150, 150]);
    let (nhwc, nchw) = (nhwc.data.to_f32(), nchw.data.to_f32());
    for (x, y) in [(0usize, 0usize), (149, 3), (40, 149)] {
        let at = y * 150 + x;
        assert_eq!(nhwc[at * 3..at * 3 + 3], [x as f32, y as f32, 7.0]);
        assert_eq!(
            [nchw[at], nchw[22500 + at], nchw[45000 + at]],
            [7.0, y as f32, x as f32]
        );
    }
}

#[test]
fn integer_tensors_hold_the_rounded_values() {
    let picture = ImageBuffer::from_fn(150, 150, |x, _| Rgb([x as u8; 3]));
    let picture = decode(&png(&picture.into()), &LIMITS).unwrap();
    let make = |ty: ElementType, scale: f32, offset: f32| {
        let mut contract = contract("nearest", "NHWC", "grey");
        contract.input.element_type = ty;
        contract.input.scale = PerChannel::All(scale);
        contract.input.offset = PerChannel::All(offset);
        tensor(picture.pixels(), &contract)
    };
    let Elements::U8(bytes) = make(ElementType::U8, 0.5, 0.0).data else {
        panic!("not u8");
    };
    assert_eq!(bytes[..5], [0, 1, 1, 2, 2]);
    let Elements::I16(words) = make(ElementType::I16, 16.0, -1024.0).data else {
        panic!("not i16");
    };
    assert_eq!(words[..3], [-1024, -1008, -992]);
}
