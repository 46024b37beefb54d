//! The picture as it came, and the two that are made of it: by blocks where it is a JPEG of a kind that can be edited in place, and by
//! decoding and encoding where not.

use image::DynamicImage;
use jpeg_blocks::Edit;
use serde::Serialize;

use crate::{
    error::Error,
    model::contract::Contract,
    model::predict::{self, Tensor, Thresholds},
    picture::annotate::Label,
    picture::blocks::Blocks,
    picture::decode::{self, Limits, Picture},
    picture::heatmap::Heatmap,
    picture::redact::{Method, Rect, Redaction, redact_rects},
    picture::resize::Grey,
    picture::sniff::{Format, sniff},
};

/// How an output's file was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Written {
    /// In place: what was not touched is the source's to the bit.
    Blocks,
    /// Decoded and encoded again; a JPEG with the source's tables.
    Reencoded,
}

/// A picture that came in.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    Blocks(Box<Blocks<'a>>, Limits),
    Pixels(Box<Picture>),
}

/// An output that only has to be written.
#[derive(Debug)]
pub(crate) enum Draft {
    Blocks { edits: Vec<Edit>, icc: bool },
    Pixels(Box<Picture>),
}

impl<'a> Source<'a> {
    /// Reads a JPEG or PNG.
    ///
    /// # Errors
    /// As [`decode::decode`].
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Source<'a>, Error> {
        limits.check_bytes(bytes.len() as u64)?;
        if sniff(bytes)? == Format::Jpeg
            && let Some(blocks) = Blocks::open(bytes, limits)?
        {
            return Ok(Source::Blocks(Box::new(blocks), *limits));
        }
        decode::decode(bytes, limits).map(|picture| Source::Pixels(Box::new(picture)))
    }

    /// Width and height as a viewer shows it.
    pub(crate) fn size(&self) -> (u32, u32) {
        match self {
            Source::Blocks(blocks, _) => blocks.size(),
            Source::Pixels(picture) => (picture.pixels().width(), picture.pixels().height()),
        }
    }

    /// The format it came in and its outputs are in.
    pub(crate) fn format(&self) -> Format {
        match self {
            Source::Blocks(..) => Format::Jpeg,
            Source::Pixels(picture) => picture.format(),
        }
    }

    /// How its outputs are made.
    pub(crate) fn written(&self) -> Written {
        match self {
            Source::Blocks(..) => Written::Blocks,
            Source::Pixels(_) => Written::Reencoded,
        }
    }

    /// The model's input.
    ///
    /// # Errors
    /// As [`Blocks::tensor`].
    pub(crate) fn tensor(&self, contract: &Contract) -> Result<Tensor, Error> {
        match self {
            Source::Blocks(blocks, limits) => blocks.tensor(contract, limits),
            Source::Pixels(picture) => Ok(predict::tensor(picture.pixels(), contract)),
        }
    }

    /// All of its brightness, as a viewer shows it.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn grey(&self) -> Result<Grey, Error> {
        match self {
            Source::Blocks(blocks, limits) => blocks.grey(limits),
            Source::Pixels(picture) => Ok(Grey::of(picture.pixels())),
        }
    }

    /// The picture with its boxes covered, if any are to be, over that the outline of the heatmap, if there is one, and the label.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn labelled(
        &self,
        label: &Label,
        heatmap: Option<(&Heatmap, &Thresholds)>,
        covered: Option<(&[Rect], Method)>,
    ) -> Result<Draft, Error> {
        let draw = |pixels: &mut DynamicImage| {
            if let Some((boxes, method)) = covered {
                redact_rects(pixels, boxes.to_vec(), method);
            }
            let outlined = heatmap.and_then(|(map, thresholds)| map.outline(pixels, thresholds));
            label.draw(pixels, (0, 0));
            outlined
        };
        let (blocks, limits) = match self {
            Source::Blocks(blocks, limits) => (blocks, limits),
            Source::Pixels(picture) => {
                let mut picture = picture.clone();
                draw(picture.pixels_mut());
                return Ok(Draft::Pixels(picture));
            }
        };
        let edits = if heatmap.is_none() && covered.is_none() {
            blocks
                .drawn(label.rect(), |pixels, origin| label.draw(pixels, origin))?
                .into_iter()
                .collect()
        } else {
            let mut pixels = blocks.pixels(limits)?;
            let outlined = draw(&mut pixels);
            let boxes = covered.map_or(&[][..], |(boxes, _)| boxes).iter().copied();
            let rects = boxes.chain(outlined).chain([label.rect()]);
            from_whole(blocks, &pixels, rects)?
        };
        Ok(Draft::Blocks { edits, icc: true })
    }

    /// The picture with these boxes covered, with the label where it is wanted, and what was covered: on a JPEG out to the borders of the
    /// blocks that the boxes touch.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn redacted(
        &self,
        boxes: &[Rect],
        method: Method,
        label: Option<&Label>,
    ) -> Result<(Draft, Redaction), Error> {
        let (blocks, limits) = match self {
            Source::Blocks(blocks, limits) => (blocks, limits),
            Source::Pixels(picture) => {
                let mut picture = picture.clone();
                picture.drop_icc();
                let redaction = redact_rects(picture.pixels_mut(), boxes.to_vec(), method);
                if let Some(label) = label {
                    label.draw(picture.pixels_mut(), (0, 0));
                }
                return Ok((Draft::Pixels(picture), redaction));
            }
        };
        let (edits, covered) = if method == Method::Fill && label.is_none() {
            let edits: Vec<Edit> = boxes.iter().filter_map(|b| blocks.blackened(*b)).collect();
            let covered = edits.iter().map(|e| blocks.rect(e)).collect();
            (edits, covered)
        } else {
            // The label may stand where a box is, so both are drawn on one picture: no edit brings back what another has covered.
            let mut pixels = blocks.pixels(limits)?;
            redact_rects(&mut pixels, boxes.to_vec(), method);
            if let Some(label) = label {
                label.draw(&mut pixels, (0, 0));
            }
            let rects = boxes.iter().copied().chain(label.map(Label::rect));
            (from_whole(blocks, &pixels, rects)?, boxes.to_vec())
        };
        let (width, height) = self.size();
        let redaction = Redaction::of(method, covered, width, height);
        Ok((Draft::Blocks { edits, icc: false }, redaction))
    }

    /// The file of an output.
    ///
    /// # Errors
    /// [`Error::Encode`] with the encoder's words.
    pub(crate) fn encode(&self, draft: &Draft) -> Result<Vec<u8>, Error> {
        match (self, draft) {
            (Source::Blocks(blocks, _), Draft::Blocks { edits, icc }) => blocks.write(edits, *icc),
            (_, Draft::Pixels(picture)) => picture.encode(),
            (Source::Pixels(_), Draft::Blocks { .. }) => {
                Err(Error::Encode("blocks of another picture".into()))
            }
        }
    }
}

/// Edits that take these rectangles from a whole picture.
fn from_whole(
    blocks: &Blocks<'_>,
    pixels: &DynamicImage,
    rects: impl Iterator<Item = Rect>,
) -> Result<Vec<Edit>, Error> {
    rects
        .filter_map(|rect| blocks.taken(rect, pixels).transpose())
        .collect()
}
