//! Connected fields of a grid.

/// Returns the open fields that are connected with one (8-connectivity) over fields that `joins`
/// lets in, and closes them. They are none if that one is closed.
pub(super) fn flood(
    start: usize,
    columns: usize,
    open: &mut [bool],
    joins: impl Fn(usize) -> bool,
) -> Vec<usize> {
    if !std::mem::take(&mut open[start]) {
        return Vec::new();
    }
    let mut fields = vec![start];
    let mut next = 0;
    while let Some(&at) = fields.get(next) {
        next += 1;
        let column = at % columns;
        let left = usize::from(column > 0);
        let right = usize::from(column + 1 < columns);
        for middle in [at.checked_sub(columns), Some(at), Some(at + columns)] {
            let Some(middle) = middle else { continue };
            for beside in middle - left..=middle + right {
                if open.get(beside).is_some_and(|open| *open) && joins(beside) {
                    open[beside] = false;
                    fields.push(beside);
                }
            }
        }
    }
    fields
}
