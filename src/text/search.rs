//! Searches one plane of a picture at several sizes.

use crate::{error::Error, picture::gray::GrayImage};

use super::{
    around, line,
    look::{Criteria, EDGE, Look},
    map::Map,
    outermost, plateaus,
    sighted::Sighted,
    slanted,
    tiles::{extra_factors, factors},
};

/// Searches a plane, which was enlarged from `shown`, and adds everything that it shows.
///
/// # Errors
/// Those of the model's run, and [`Error::Model`] when its map does not fit the contract.
pub(super) fn search(
    criteria: &Criteria<'_>,
    plane: &GrayImage,
    shown: &GrayImage,
    sighted: &mut Sighted,
) -> Result<(), Error> {
    let longer = plane.width.max(plane.height);
    let letters = sighted.letters.len();
    let factors = factors(longer, criteria.contract.max_side);
    let extra = extra_factors(longer, &factors);
    let sizes = factors.iter().map(|factor| (*factor, false));
    for (factor, large) in sizes.chain(extra.into_iter().map(|factor| (factor, true))) {
        let copy = plane.reduced(factor);
        let map = Map::of(&copy, criteria.contract, criteria.infer)?;
        let look = Look {
            criteria,
            plane,
            copy: &copy,
            factor,
            large,
            shown,
        };
        let (low, high) = if large {
            criteria.extra
        } else {
            (criteria.low, criteria.high)
        };
        for group in map.groups(low, high, |x, y| look.counts(x, y)) {
            look.sort(&group, large, sighted);
        }
        // Slanted letters of hundreds of pixels are not searched for.
        if !large {
            slanted::search(&look, &map, sighted)?;
        }
    }
    if criteria.by_pixels {
        // Edges are softer on an enlarged plane.
        let edge = (EDGE * longer).div_ceil(shown.width.max(shown.height));
        plateaus::add(plane, sighted);
        line::add(plane, edge, sighted);
        for letter in outermost(sighted.letters[letters..].to_vec()) {
            let print = around::print_around(criteria, plane, &letter, edge)?;
            sighted.text.extend(print);
        }
    }
    Ok(())
}
