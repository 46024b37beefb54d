//! The source picture and the two outputs made from it, by editing blocks if it is a JPEG of a kind
//! that can be edited in place, and by decoding and encoding otherwise.

use image::DynamicImage;
use jpeg_blocks::Edit;
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    model::contract::Contract,
    model::predict::Thresholds,
    model::tensor::InputTensor,
    picture::annotate::Label,
    picture::blocks::Blocks,
    picture::boxes::Rect,
    picture::decode::{self, Picture},
    picture::flat,
    picture::gray::GrayImage,
    picture::heatmap::Heatmap,
    picture::input,
    picture::limits::Limits,
    picture::memory::{self, Work},
    picture::redact::{Method, Redaction, redact_rects},
    picture::sniff::{Format, sniff},
};

/// The way in which an output's file was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Written {
    /// Edited in place: untouched pixels are the source's to the bit.
    Blocks,
    /// Decoded and encoded again; a JPEG with the source's tables.
    Reencoded,
    /// Decoded, and the copy encoded without loss, unlike the source. Only a DICOM object in JPEG
    /// 2000 with loss.
    Lossless,
    /// Decoded, and the copy written without compression. Only a DICOM object in a syntax that is
    /// not written here.
    Uncompressed,
}

/// A source picture.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    Blocks(Box<Blocks<'a>>, Limits),
    Pixels(Box<Picture>),
}

/// An output that is ready to be encoded.
#[derive(Debug)]
pub(crate) enum Draft {
    /// Edits of the blocks, for a copy for others or for the labeled picture.
    Blocks { edits: Vec<Edit>, bare: bool },
    /// A picture of its own.
    Pixels(Box<Picture>),
    /// The source, which was drawn on.
    Source,
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

    /// Returns the views of a JPEG or PNG in which text is searched, as [`Source::planes`] of an
    /// opened one, in one reading of the file.
    ///
    /// # Errors
    /// As [`Source::open`] and [`Source::planes`].
    pub(crate) fn planes_of(bytes: &[u8], limits: &Limits) -> Result<Vec<GrayImage>, Error> {
        if sniff(bytes)? == Format::Jpeg
            && let Some(blocks) = Blocks::open_pixels(bytes, limits)?
        {
            return Source::Blocks(Box::new(blocks), *limits).planes();
        }
        Source::open(bytes, limits)?.planes()
    }

    /// Checks that processing a picture fits in memory; called before it is opened.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond `limits`, and those of [`sniff`].
    pub(crate) fn check_memory(bytes: &[u8], limits: &Limits, work: Work) -> Result<(), Error> {
        limits.check_bytes(bytes.len() as u64)?;
        limits.check_memory(memory::needed(bytes, sniff(bytes)?, work))
    }

    /// Returns the width and height of the picture as a viewer shows it.
    pub(crate) fn size(&self) -> (u32, u32) {
        match self {
            Source::Blocks(blocks, _) => blocks.size(),
            Source::Pixels(picture) => (picture.pixels().width(), picture.pixels().height()),
        }
    }

    /// Returns the format of the source and its outputs.
    pub(crate) fn format(&self) -> Format {
        match self {
            Source::Blocks(..) => Format::Jpeg,
            Source::Pixels(picture) => picture.format(),
        }
    }

    /// Returns the way in which its outputs are made.
    pub(crate) fn written(&self) -> Written {
        match self {
            Source::Blocks(..) => Written::Blocks,
            Source::Pixels(_) => Written::Reencoded,
        }
    }

    /// Returns the model's input.
    ///
    /// # Errors
    /// As [`Blocks::tensor`].
    pub(crate) fn tensor(&self, contract: &Contract) -> Result<InputTensor, Error> {
        match self {
            Source::Blocks(blocks, limits) => blocks.tensor(contract, limits),
            Source::Pixels(picture) => {
                Ok(input::tensor(&flat::on_black(picture.pixels()), contract))
            }
        }
    }

    /// Returns the views of it in which text is searched, as a viewer shows it: its brightness, and
    /// the largest difference of the color channels where it has color; on black and on white where
    /// it is transparent.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn planes(&self) -> Result<Vec<GrayImage>, Error> {
        let planes = |pixels: &DynamicImage| {
            let color = GrayImage::color_of(pixels);
            [GrayImage::of(pixels)].into_iter().chain(color)
        };
        match self {
            Source::Blocks(blocks, limits) if blocks.is_gray() => Ok(vec![blocks.gray(limits)?]),
            Source::Blocks(blocks, limits) => Ok(planes(&blocks.pixels(limits)?).collect()),
            Source::Pixels(picture) => Ok(flat::views(picture.pixels(), planes)
                .into_iter()
                .flatten()
                .collect()),
        }
    }

    /// Draws the labeled picture: first the redaction of `covered`, if given, then the outline of
    /// the heat map, if given, then the label. A picture of pixels is drawn on itself, since a
    /// second one may not fit in memory, so this comes last.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn labeled(
        &mut self,
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
                draw(picture.pixels_mut());
                return Ok(Draft::Source);
            }
        };
        let edits = if heatmap.is_none() && covered.is_none() {
            blocks
                .draw(label.rect(), |pixels, origin| label.draw(pixels, origin))?
                .into_iter()
                .collect()
        } else {
            let mut pixels = blocks.pixels(limits)?;
            let outlined = draw(&mut pixels);
            let boxes = covered.map_or(&[][..], |(boxes, _)| boxes).iter().copied();
            let rects = boxes.chain(outlined).chain([label.rect()]);
            from_whole(blocks, &pixels, rects)?
        };
        Ok(Draft::Blocks { edits, bare: false })
    }

    /// Redacts these boxes, draws the label if given, and returns what was redacted. On a JPEG the
    /// boxes grow to the borders of the blocks that they touch.
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
                let mut picture = Box::new(picture.copied());
                let redaction = redact_rects(picture.pixels_mut(), boxes.to_vec(), method);
                if let Some(label) = label {
                    label.draw(picture.pixels_mut(), (0, 0));
                }
                return Ok((Draft::Pixels(picture), redaction));
            }
        };
        let (edits, covered) = if method == Method::Fill && label.is_none() {
            let edits: Vec<Edit> = boxes.iter().filter_map(|b| blocks.blacken(*b)).collect();
            let covered = edits.iter().map(|e| blocks.rect(e)).collect();
            (edits, covered)
        } else {
            // The label may overlap a box, so both are drawn on one picture: no edit restores what
            // another has redacted.
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
        Ok((Draft::Blocks { edits, bare: true }, redaction))
    }

    /// Encodes an output.
    ///
    /// # Errors
    /// [`Error::Encode`] with the encoder's message.
    pub(crate) fn encode(&self, draft: &Draft) -> Result<Vec<u8>, Error> {
        match (self, draft) {
            (Source::Blocks(blocks, _), Draft::Blocks { edits, bare: true }) => {
                blocks.write_visible(edits)
            }
            (Source::Blocks(blocks, _), Draft::Blocks { edits, bare: false }) => {
                blocks.write(edits, true)
            }
            (_, Draft::Pixels(picture)) => picture.encode(),
            (Source::Pixels(picture), Draft::Source) => picture.encode(),
            (Source::Blocks(..), Draft::Source) | (Source::Pixels(_), Draft::Blocks { .. }) => {
                Err(Error::Encode("the edits belong to another picture".into()))
            }
        }
    }
}

/// Replaces these rectangles by those of a whole picture.
fn from_whole(
    blocks: &Blocks<'_>,
    pixels: &DynamicImage,
    rects: impl Iterator<Item = Rect>,
) -> Result<Vec<Edit>, Error> {
    rects
        .filter_map(|rect| blocks.replace_from(rect, pixels).transpose())
        .collect()
}
