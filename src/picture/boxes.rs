//! Boxes to redact, anchored at a corner of the picture, in pixels or shares of its sides.

use std::str::FromStr;

use serde::Serialize;

/// A rectangle in pixels, inside a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rect {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl Rect {
    /// Reports whether the pixel is inside.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }

    /// Reports whether the other rectangle is inside.
    pub fn holds(&self, other: &Rect) -> bool {
        let within = |start, length, inner: u32, inner_length: u32| {
            start <= inner && inner + inner_length <= start + length
        };
        within(self.x, self.width, other.x, other.width)
            && within(self.y, self.height, other.y, other.height)
    }

    /// Returns it grown by `by` on every side, clipped to a picture of this size.
    pub fn grown(&self, by: u32, width: u32, height: u32) -> Rect {
        let (x, y) = (self.x.saturating_sub(by), self.y.saturating_sub(by));
        Rect {
            x,
            y,
            width: (self.x + self.width + by).min(width) - x,
            height: (self.y + self.height + by).min(height) - y,
        }
    }

    /// Reports whether the rectangles overlap or lie side by side.
    pub fn touches(&self, other: &Rect) -> bool {
        self.x <= other.x + other.width
            && other.x <= self.x + self.width
            && self.y <= other.y + other.height
            && other.y <= self.y + self.height
    }

    /// Returns the smallest rectangle that holds both.
    pub fn union(&self, other: &Rect) -> Rect {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Rect {
            x,
            y,
            width: (self.x + self.width).max(other.x + other.width) - x,
            height: (self.y + self.height).max(other.y + other.height) - y,
        }
    }

    /// Returns the parts of it that are outside of the other, above, below, left and right of it.
    pub fn without(&self, other: &Rect) -> Vec<Rect> {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        let across = |x: u32| x.clamp(self.x, right);
        let down = |y: u32| y.clamp(self.y, bottom);
        let (start, end) = (across(other.x), across(other.x + other.width));
        let (above, below) = (down(other.y), down(other.y + other.height));
        let part = |left, top, right, bottom| Rect {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        };
        let mut parts = vec![
            part(self.x, self.y, right, above),
            part(self.x, below, right, bottom),
            part(self.x, above, start, below),
            part(end, above, right, below),
        ];
        parts.retain(|part| part.width > 0 && part.height > 0);
        parts
    }

    /// Returns it with the two axes exchanged.
    pub fn transposed(&self) -> Rect {
        Rect {
            x: self.y,
            y: self.x,
            width: self.height,
            height: self.width,
        }
    }
}

/// A corner of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// Top left.
    TopLeft,
    /// Top right.
    TopRight,
    /// Bottom left.
    BottomLeft,
    /// Bottom right.
    BottomRight,
}

impl Corner {
    /// All four.
    pub const ALL: [Corner; 4] = [
        Corner::TopLeft,
        Corner::TopRight,
        Corner::BottomLeft,
        Corner::BottomRight,
    ];

    /// Returns the corner's name in settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Corner::TopLeft => "top-left",
            Corner::TopRight => "top-right",
            Corner::BottomLeft => "bottom-left",
            Corner::BottomRight => "bottom-right",
        }
    }
}

impl FromStr for Corner {
    type Err = String;

    fn from_str(text: &str) -> Result<Corner, String> {
        let corner = Corner::ALL.into_iter().find(|corner| corner.name() == text);
        corner.ok_or_else(|| {
            format!(
                "`{text}` is not a corner; use top-left, top-right, bottom-left or bottom-right"
            )
        })
    }
}

/// A length along one side of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Pixels.
    Pixels(u32),
    /// A share of the side, in percent from 0 to 100.
    Percent(f64),
}

impl Length {
    /// Returns the length in pixels, rounded up so that a box never covers less than configured.
    fn of(self, side: u32) -> u32 {
        match self {
            Length::Pixels(n) => n.min(side),
            Length::Percent(p) => ((f64::from(side) * p / 100.0).ceil() as u32).min(side),
        }
    }
}

/// A box to redact, anchored at a corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxSpec {
    /// The corner it is measured from.
    pub corner: Corner,
    /// Across.
    pub width: Length,
    /// Down.
    pub height: Length,
    /// Inward from the corner's vertical side.
    pub dx: Length,
    /// Inward from the corner's horizontal side.
    pub dy: Length,
}

impl BoxSpec {
    /// Returns the part of the box that is on a picture of this size, if any.
    pub fn on(&self, width: u32, height: u32) -> Option<Rect> {
        let right = matches!(self.corner, Corner::TopRight | Corner::BottomRight);
        let bottom = matches!(self.corner, Corner::BottomLeft | Corner::BottomRight);
        let (x, across) = place(self.dx.of(width), self.width.of(width), width, right);
        let (y, down) = place(self.dy.of(height), self.height.of(height), height, bottom);
        (across > 0 && down > 0).then_some(Rect {
            x,
            y,
            width: across,
            height: down,
        })
    }
}

/// Returns start and length along one side; `far` measures from its end.
fn place(inward: u32, length: u32, side: u32, far: bool) -> (u32, u32) {
    let length = length.min(side - inward);
    (if far { side - inward - length } else { inward }, length)
}

/// Parses boxes as in `bottom-left 300x100; top-right 25%x8%+10+10`: corner, width x height, and
/// inward offsets, each in pixels or percent of that side.
///
/// # Errors
/// Names the part that can't be parsed and the expected syntax.
pub fn parse_boxes(text: &str) -> Result<Vec<BoxSpec>, String> {
    let boxes: Vec<BoxSpec> = text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(parse_box)
        .collect::<Result<_, _>>()?;
    if boxes.is_empty() {
        return Err(
            "names no box, so nothing would be redacted; write one, as in `bottom-left 300x100`"
                .to_owned(),
        );
    }
    Ok(boxes)
}

fn parse_box(text: &str) -> Result<BoxSpec, String> {
    let expected = || {
        format!(
            "`{text}` is not a box; write CORNER WIDTHxHEIGHT[+DX+DY], as in `bottom-left 300x100` or `top-right 25%x8%+10+10`"
        )
    };
    let (corner, size) = text.split_once(char::is_whitespace).ok_or_else(expected)?;
    let corner = corner.parse()?;
    let mut parts = size.trim().split('+');
    let (width, height) = parts
        .next()
        .and_then(|s| s.split_once('x'))
        .ok_or_else(expected)?;
    let (dx, dy) = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => (Length::Pixels(0), Length::Pixels(0)),
        (Some(dx), Some(dy), None) => (parse_length(dx)?, parse_length(dy)?),
        _ => return Err(expected()),
    };
    let (width, height) = (parse_length(width)?, parse_length(height)?);
    if [width, height]
        .iter()
        .any(|l| matches!(l, Length::Pixels(0) | Length::Percent(0.0)))
    {
        return Err(format!(
            "`{text}` covers nothing; write a width and a height over 0"
        ));
    }
    Ok(BoxSpec {
        corner,
        width,
        height,
        dx,
        dy,
    })
}

fn parse_length(text: &str) -> Result<Length, String> {
    let text = text.trim();
    let length = match text.strip_suffix('%') {
        Some(number) => number
            .parse()
            .ok()
            .filter(|p| (0.0..=100.0).contains(p))
            .map(Length::Percent),
        None => text.parse().ok().map(Length::Pixels),
    };
    length.ok_or_else(|| {
        format!("`{text}` is neither a number of pixels nor a percentage from 0% to 100%")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_rect() -> impl Strategy<Value = Rect> {
        (0..9u32, 0..9u32, 1..6u32, 1..6u32).prop_map(|(x, y, width, height)| Rect {
            x,
            y,
            width,
            height,
        })
    }

    proptest! {
        #[test]
        fn parts_without_another_are_all_of_the_rest(a in any_rect(), b in any_rect()) {
            let parts = a.without(&b);
            for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
                let holding = parts.iter().filter(|part| part.contains(x, y)).count();
                let is_rest = a.contains(x, y) && !b.contains(x, y);
                prop_assert_eq!(holding, usize::from(is_rest));
            }
        }
    }
}
