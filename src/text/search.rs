//! Searches one plane of a picture at several sizes.

use crate::{
    error::Error,
    picture::{boxes::Rect, gray::GrayImage},
};

use super::{
    around, line,
    look::{Criteria, EDGE, Look},
    map::Map,
    outermost,
    piece::Piece,
    plateaus,
    sighted::Sighted,
    tiles::{extra_factors, factors},
};

/// Scores that are nearer than this to a threshold could reach it in a look at the whole picture.
const DOUBT: f32 = 0.1;

/// The maps of the pieces of a plane, of one size after another.
pub(super) type Sizes = Vec<Vec<Piece>>;

/// A former search of a plane that has changed since.
pub(super) struct Former<'a> {
    pub(super) sizes: &'a [Vec<Piece>],
    /// The rectangles of the plane, which may be enlarged, that have changed.
    pub(super) changed: &'a [Rect],
}

/// Searches a plane, which was enlarged from `shown`, and adds everything that it shows. Returns
/// the model's maps. After a former search the model runs around the changes only.
///
/// # Errors
/// Those of the model's run, and [`Error::Model`] when its map does not fit the contract.
pub(super) fn search(
    criteria: &Criteria<'_>,
    plane: &GrayImage,
    shown: &GrayImage,
    former: Option<&Former<'_>>,
    sighted: &mut Sighted,
) -> Result<Sizes, Error> {
    let mut sizes = Sizes::new();
    let longer = plane.width.max(plane.height);
    let markers = sighted.markers.len();
    let factors = factors(longer, criteria.contract.max_side);
    let extra = extra_factors(longer, &factors);
    let usual = factors.iter().map(|factor| (*factor, false));
    for (factor, large) in usual.chain(extra.into_iter().map(|factor| (factor, true))) {
        let copy = plane.reduced(factor);
        let former =
            former.and_then(|former| Some((former.sizes.get(sizes.len())?, former.changed)));
        let (pieces, again) = match former {
            Some((pieces, changed)) => {
                let changed = reduced(changed, factor as u32);
                Piece::all_again(pieces, &changed, &copy, criteria.contract, criteria.infer)?
            }
            None => {
                let pieces = Piece::all(&copy, criteria.contract, criteria.infer)?;
                (pieces, Vec::new())
            }
        };
        let map = Map::joined(&pieces, &copy, criteria.contract.output.stride);
        sizes.push(pieces);
        let look = Look {
            criteria,
            plane,
            factor,
            large,
            shown,
        };
        let (low, high) = if large {
            criteria.extra
        } else {
            (criteria.low, criteria.high)
        };
        sighted.in_part |= !again.is_empty();
        sighted.in_doubt |= map.scores(high - DOUBT..high, |x, y| {
            look.counts(x, y) && again.iter().any(|part| part.contains(x as u32, y as u32))
        });
        let mut groups = map.groups(low, high, |x, y| look.counts(x, y));
        // Those that are most like markers are shown to the recognizer first.
        groups.sort_by(|a, b| b.marker_share.total_cmp(&a.marker_share));
        for group in groups {
            look.sort(&group, sighted)?;
        }
    }
    if criteria.by_pixels {
        // Edges are softer on an enlarged plane.
        let edge = (EDGE * longer).div_ceil(shown.width.max(shown.height));
        plateaus::add(plane, sighted);
        line::add(plane, edge, sighted);
        let markers = &sighted.markers[markers..];
        for rect in outermost(markers.iter().map(|marker| marker.rect).collect()) {
            let same = markers.iter().filter(|marker| marker.rect == rect);
            if let Some(marker) = same.max_by_key(|marker| marker.sign) {
                let print = around::print_around(criteria, plane, marker, edge)?;
                sighted.text.extend(print);
            }
        }
    }
    Ok(sizes)
}

/// Returns rectangles of a plane on its copy of a smaller size, with pixels that they hold in part.
fn reduced(rects: &[Rect], factor: u32) -> Vec<Rect> {
    let reduced = |rect: &Rect| {
        let (x, y) = (rect.x / factor, rect.y / factor);
        Rect {
            x,
            y,
            width: (rect.x + rect.width).div_ceil(factor) - x,
            height: (rect.y + rect.height).div_ceil(factor) - y,
        }
    };
    rects.iter().map(reduced).collect()
}
