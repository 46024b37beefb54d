//! The number of looks at a picture, and the differences of the color channels.

use super::*;

/// Takes cells with something bright for text.
fn bright(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    Ok(map(input, |pixels| {
        (if brightest(pixels) > 150.0 { 0.95 } else { 0.0 }, 0.0)
    }))
}

/// Draws a line of 4 pixels through the middle of a picture, at an angle.
fn slanted(degrees: f64) -> GrayImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let picture = image::GrayImage::from_fn(600, 600, |x, y| {
        let (dx, dy) = (f64::from(x) - 300.0, f64::from(y) - 300.0);
        let (along, off) = (dx * cos + dy * sin, dy * cos - dx * sin);
        Luma([if along.abs() < 150.0 && off.abs() < 2.0 {
            250
        } else {
            40
        }])
    });
    GrayImage::of(&DynamicImage::from(picture))
}

#[test]
fn slanted_text_is_covered_along_its_line() {
    let contract = contract();
    let detector = detector(&contract, &bright);
    for degrees in [30.0, -30.0] {
        let gray = slanted(degrees);
        let found = detector.find(from_ref(&gray)).unwrap();
        for (at, level) in gray.levels.iter().enumerate() {
            let (x, y) = ((at % 600) as u32, (at / 600) as u32);
            let hidden = || found.text.iter().any(|rect| rect.contains(x, y));
            assert!(*level < 150 || hidden(), "{degrees}: {x},{y}");
        }
        let copy = covered(&gray, &found.text);
        let black = copy.levels.iter().filter(|level| **level == 0).count();
        // The bounds of the line are 260 x 150.
        assert!(black < 260 * 150 * 2 / 3, "{degrees}: {black}");
        let residual = |gray: &GrayImage, redacted: &[Rect]| {
            detector.residual(from_ref(gray), redacted, &[]).unwrap()
        };
        assert_eq!(residual(&copy, &found.text), 0, "{degrees}");
        assert!(residual(&gray, &[]) > 0, "{degrees}");
    }
}

#[test]
fn ordinary_pictures_take_one_run() {
    let runs = RefCell::new(0);
    let infer = |input: &InputTensor| {
        *runs.borrow_mut() += 1;
        bright(input)
    };
    let text = picture(600, 600, &[([100, 100, 200, 16], 250)]);
    for gray in [picture(600, 600, &[]), text] {
        runs.replace(0);
        find(&gray, &infer);
        assert_eq!(*runs.borrow(), 1);
    }
}

#[test]
fn text_in_color_is_found_on_the_differences_of_the_channels() {
    // Green on gray of its brightness, and gray with the noise of a JPEG.
    let colors = |text: [u8; 3], noise: u8| {
        let picture = image::RgbImage::from_fn(400, 300, |x, y| {
            let inside = (96..192).contains(&x) && (104..120).contains(&y);
            image::Rgb(match inside {
                true => text,
                false => [120 + noise * ((x + y) % 2) as u8, 120, 120],
            })
        });
        DynamicImage::from(picture)
    };
    let green = colors([40, 170, 79], 8);
    let planes: Vec<_> = [GrayImage::of(&green)]
        .into_iter()
        .chain(GrayImage::color_of(&green))
        .collect();
    assert_eq!(planes.len(), 2);
    let bright = planes[0]
        .levels
        .iter()
        .filter(|l| l.abs_diff(120) > 8)
        .count();
    assert_eq!(bright, 0);
    // The whole picture is one gray, so the model sees nothing under 110 but the difference.
    let infer = |input: &InputTensor| {
        Ok(map(input, |pixels| {
            let strong = brightest(pixels) > 125.0;
            (f32::from(u8::from(strong && pixels[0] != 120.0)), 0.0)
        }))
    };
    let contract = contract();
    let found = detector(&contract, &infer).find(&planes[1..]).unwrap();
    assert_eq!(found.text, [rect([88, 96, 112, 32])]);
    assert_eq!(GrayImage::color_of(&colors([120, 120, 120], 23)), None);
    assert_eq!(GrayImage::color_of(&DynamicImage::new_luma8(8, 8)), None);
    assert!(GrayImage::color_of(&colors([120, 140, 116], 0)).is_some());
}
