//! Connected fields of a grid.

/// Returns the open fields that are connected with one (8-connectivity) over fields that `joins`
/// lets in, and closes them. They are none if that one is closed.
pub(super) fn flood(
    start: usize,
    columns: usize,
    open: &mut [bool],
    joins: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let mut fields = Vec::new();
    if std::mem::take(&mut open[start]) {
        fields.push(start);
    }
    let mut next = 0;
    while let Some(&at) = fields.get(next) {
        next += 1;
        let (x, y) = (at % columns, at / columns);
        for row in y.saturating_sub(1)..=y + 1 {
            for column in x.saturating_sub(1)..=(x + 1).min(columns - 1) {
                let beside = row * columns + column;
                if open.get(beside).is_some_and(|open| *open) && joins(beside) {
                    open[beside] = false;
                    fields.push(beside);
                }
            }
        }
    }
    fields
}
