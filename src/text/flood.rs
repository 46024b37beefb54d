//! Connected fields of a grid.

use std::ops::Range;

/// Connected fields, and the columns and rows that they are in. There is at least one.
pub(super) struct Flooded {
    pub(super) fields: Vec<usize>,
    pub(super) columns: Range<usize>,
    pub(super) rows: Range<usize>,
}

/// Returns the fields that `joins` lets in by their value and that are connected with one
/// (8-connectivity), and gives them the value `closed`, which it does not let in. `None` if it
/// doesn't let in that one. The grid has whole rows.
pub(super) fn flood<T: Copy>(
    start: usize,
    columns: usize,
    grid: &mut [T],
    closed: T,
    joins: impl Fn(T) -> bool,
) -> Option<Flooded> {
    if !joins(grid[start]) {
        return None;
    }
    let (column, row) = (start % columns, start / columns);
    let mut found = Flooded {
        fields: Vec::new(),
        columns: column..column + 1,
        rows: row..row + 1,
    };
    // The row and a column of each run that is to be added.
    let mut next = vec![(row, column)];
    while let Some((row, column)) = next.pop() {
        let begin = row * columns;
        let line = &mut grid[begin..begin + columns];
        if !joins(line[column]) {
            continue;
        }
        let ends = |value: &T| !joins(*value);
        let left = line[..column].iter().rposition(ends).map_or(0, |at| at + 1);
        let right = line[column..]
            .iter()
            .position(ends)
            .map_or(columns, |at| column + at);
        line[left..right].fill(closed);
        found.fields.extend(begin + left..begin + right);
        found.columns = found.columns.start.min(left)..found.columns.end.max(right);
        found.rows = found.rows.start.min(row)..found.rows.end.max(row + 1);
        // The rows above and below, as far as corners touch.
        let beside = left.saturating_sub(1)..(right + 1).min(columns);
        for row in [row.checked_sub(1), Some(row + 1)].into_iter().flatten() {
            let Some(line) = grid.get(row * columns..(row + 1) * columns) else {
                continue;
            };
            let mut is_run = false;
            for (column, value) in beside.clone().zip(&line[beside.clone()]) {
                let is_free = joins(*value);
                if is_free && !is_run {
                    next.push((row, column));
                }
                is_run = is_free;
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Adds each neighbor of each field.
    fn plain(start: usize, columns: usize, grid: &[u8], joins: impl Fn(u8) -> bool) -> Vec<usize> {
        let mut fields = vec![start];
        let mut next = 0;
        while next < fields.len() {
            let near = |a: usize, b: usize| a.abs_diff(b) <= 1;
            let at = fields[next];
            next += 1;
            for (other, value) in grid.iter().enumerate() {
                let touches =
                    near(at % columns, other % columns) && near(at / columns, other / columns);
                if touches && joins(*value) && !fields.contains(&other) {
                    fields.push(other);
                }
            }
        }
        fields.sort_unstable();
        fields
    }

    proptest! {
        #[test]
        fn flood_is_what_is_connected(
            columns in 1usize..9,
            rows in 1usize..9,
            values in proptest::collection::vec(0u8..4, 64),
            start in 0usize..64,
        ) {
            let before = &values[..columns * rows];
            let start = start % before.len();
            let joins = |value: u8| value >= 2;
            let mut grid = before.to_vec();
            let found = flood(start, columns, &mut grid, 0, joins);
            prop_assert_eq!(found.is_some(), joins(before[start]));
            let expect = match found {
                Some(_) => plain(start, columns, before, joins),
                None => Vec::new(),
            };
            for (at, value) in before.iter().enumerate() {
                prop_assert_eq!(grid[at], if expect.contains(&at) { 0 } else { *value });
            }
            let Some(mut found) = found else { return Ok(()) };
            found.fields.sort_unstable();
            prop_assert_eq!(&found.fields, &expect);
            let places = |place: fn(usize, usize) -> usize| {
                let each = expect.iter().map(|at| place(*at, columns));
                each.clone().min().unwrap()..each.max().unwrap() + 1
            };
            prop_assert_eq!(found.columns, places(|at, columns| at % columns));
            prop_assert_eq!(found.rows, places(|at, columns| at / columns));
        }
    }
}
