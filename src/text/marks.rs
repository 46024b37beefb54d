//! Which of what was found stays: side and view marks, which are medicine.
//!
//! In doubt it is text.

use crate::picture::boxes::Rect;

use super::map::Component;

/// How many times its shorter side a mark's longer side may be. Words are longer.
const LONGEST: u32 = 3;

/// Parts what was found into text and marks. A mark is one by the model's word (`share` of it at least), is not long, and has no text nearer than
/// it is high: what stands beside text may be a part of it.
pub fn part(found: Vec<Component>, share: f32) -> (Vec<Rect>, Vec<Rect>) {
    let (marks, text): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|c| c.mark >= share && !is_long(&c.rect));
    let mut marks: Vec<Rect> = marks.into_iter().map(|c| c.rect).collect();
    let mut text: Vec<Rect> = text.into_iter().map(|c| c.rect).collect();
    // What turns out to be text makes text of its own neighbours: so a name in wide letters goes as a whole.
    loop {
        let beside = |mark: &Rect| text.iter().any(|t| distance(t, mark) < mark.height);
        let (gone, stay): (Vec<_>, Vec<_>) = marks.into_iter().partition(beside);
        marks = stay;
        if gone.is_empty() {
            return (text, marks);
        }
        text.extend(gone);
    }
}

fn is_long(rect: &Rect) -> bool {
    let (long, short) = (rect.width.max(rect.height), rect.width.min(rect.height));
    long > LONGEST * short
}

/// The pixels between two rectangles, across or down, whichever is more; none where they touch.
fn distance(a: &Rect, b: &Rect) -> u32 {
    let gap = |a: u32, a_length: u32, b: u32, b_length: u32| {
        a.saturating_sub(b + b_length)
            .max(b.saturating_sub(a + a_length))
    };
    gap(a.x, a.width, b.x, b.width).max(gap(a.y, a.height, b.y, b.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect([x, y, width, height]: [u32; 4]) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    /// What stays of these, each with its share of mark.
    fn stay(found: &[([u32; 4], f32)]) -> Vec<Rect> {
        let found = found.iter().map(|&(at, mark)| Component {
            rect: rect(at),
            mark,
        });
        part(found.collect(), 0.6).1
    }

    #[test]
    fn marks_stay_and_words_go() {
        let mark = [100, 100, 40, 40];
        for (what, found, stays) in [
            ("alone", vec![(mark, 0.9)], true),
            ("just enough of a mark", vec![(mark, 0.6)], true),
            ("not enough of a mark", vec![(mark, 0.59)], false),
            ("two letters wide", vec![([100, 100, 120, 40], 0.9)], true),
            ("turned", vec![([100, 100, 40, 120], 0.9)], true),
            ("a word", vec![([100, 100, 121, 40], 0.9)], false),
            ("a word, turned", vec![([100, 100, 40, 121], 0.9)], false),
            (
                "text beside",
                vec![(mark, 0.9), ([179, 100, 300, 30], 0.1)],
                false,
            ),
            (
                "text away",
                vec![(mark, 0.9), ([180, 100, 300, 30], 0.1)],
                true,
            ),
            (
                "text above",
                vec![(mark, 0.9), ([0, 40, 300, 21], 0.1)],
                false,
            ),
            (
                "text around",
                vec![(mark, 0.9), ([0, 0, 300, 300], 0.1)],
                false,
            ),
            (
                "text across a corner",
                vec![(mark, 0.9), ([150, 150, 300, 30], 0.1)],
                false,
            ),
            (
                "a long thing beside",
                vec![(mark, 0.9), ([150, 100, 200, 30], 1.0)],
                false,
            ),
        ] {
            assert_eq!(stay(&found).contains(&rect(found[0].0)), stays, "{what}");
        }
    }

    #[test]
    fn marks_beside_each_other_stay_unless_one_is_text() {
        let letters: Vec<_> = (0..4).map(|i| ([100 + 60 * i, 100, 40, 40], 0.9)).collect();
        assert_eq!(stay(&letters).len(), 4);
        let mut name = letters;
        name.push(([340, 100, 40, 40], 0.1));
        assert_eq!(stay(&name), []);
    }
}
