//! The eight EXIF orientations, applied to rectangles.

/// Left, top, right, bottom. May reach beyond the picture.
pub(super) type Range = [i64; 4];

/// Returns the orientation that undoes another: the quarter turns undo each other, all others
/// themselves.
pub(super) fn inverse(orientation: u8) -> u8 {
    match orientation {
        6 => 8,
        8 => 6,
        other => other,
    }
}

/// Turns a rectangle along with the picture of this size that it lies on.
pub(super) fn turned(
    [left, top, right, bottom]: Range,
    (width, height): (i64, i64),
    orientation: u8,
) -> Range {
    match orientation {
        2 => [width - right, top, width - left, bottom],
        3 => [width - right, height - bottom, width - left, height - top],
        4 => [left, height - bottom, right, height - top],
        5 => [top, left, bottom, right],
        6 => [height - bottom, left, height - top, right],
        7 => [height - bottom, width - right, height - top, width - left],
        8 => [top, width - right, bottom, width - left],
        _ => [left, top, right, bottom],
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, metadata::Orientation};

    use super::*;

    #[test]
    fn rectangles_turn_with_pictures() {
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut picture = DynamicImage::from(GrayImage::new(7, 5));
            for (x, y) in [(1, 3), (2, 3), (1, 4), (2, 4)] {
                picture
                    .as_mut_luma8()
                    .unwrap()
                    .put_pixel(x, y, image::Luma([9]));
            }
            picture.apply_orientation(orientation);
            let [left, top, right, bottom] = turned([1, 3, 3, 5], (7, 5), exif);
            for (x, y, pixel) in picture.to_luma8().enumerate_pixels() {
                let inside =
                    (left..right).contains(&i64::from(x)) && (top..bottom).contains(&i64::from(y));
                assert_eq!(pixel.0 == [9], inside, "{exif}: {x},{y}");
            }
            let size = (i64::from(picture.width()), i64::from(picture.height()));
            assert_eq!(
                turned([left, top, right, bottom], size, inverse(exif)),
                [1, 3, 3, 5]
            );
        }
    }
}
