//! ICC profiles, which the labeled picture keeps.

/// Display and scanner profiles usually have 0.5 to 600 kB.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Reports whether a profile may be kept: of a usual size, with the header of ICC.1 (its own length
/// first, `acsp` at 36).
///
/// This drops data that only pretends to be a profile; a genuine one still holds texts of its
/// maker.
pub(crate) fn plain_icc(icc: &[u8]) -> bool {
    let length = icc.first_chunk().map(|b| u32::from_be_bytes(*b) as usize);
    icc.len() <= MAX_BYTES && length == Some(icc.len()) && icc.get(36..40) == Some(b"acsp")
}
