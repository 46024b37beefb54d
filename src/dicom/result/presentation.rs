//! The label as a Grayscale Softcopy Presentation State (PS3.3, A.33.1): viewers draw it over the
//! source, whose pixels stay as they are.

use super::{Finding, Series, SourceIds, of_source, put_identity, written_at};
use crate::{
    dicom::{
        attributes as tag, decimal,
        element::DataSet,
        render::Tables,
        syntax::EXPLICIT,
        voi::{Function, Modality, Voi},
        write,
    },
    error::Error,
    picture::boxes::Rect,
};

const SERIES: Series = Series {
    class: "1.2.840.10008.5.1.4.1.1.11.1",
    modality: "PR",
    number: "9903",
    kind: "presentation",
};
const SOFTCOPY_VOI: u32 = 0x0028_3110;
const ANNOTATIONS: u32 = 0x0070_0001;
const LAYER: u32 = 0x0070_0002;
const BOX_UNITS: u32 = 0x0070_0003;
const TEXT: u32 = 0x0070_0006;
const TEXTS: u32 = 0x0070_0008;
const BOX_TOP_LEFT: u32 = 0x0070_0010;
const BOX_BOTTOM_RIGHT: u32 = 0x0070_0011;
const JUSTIFICATION: u32 = 0x0070_0012;
const AREA_TOP_LEFT: u32 = 0x0070_0052;
const AREA_BOTTOM_RIGHT: u32 = 0x0070_0053;
const AREAS: u32 = 0x0070_005A;
const LAYERS: u32 = 0x0070_0060;
const LAYER_ORDER: u32 = 0x0070_0062;
const CONTENT_LABEL: u32 = 0x0070_0080;
const CONTENT_DESCRIPTION: u32 = 0x0070_0081;
const CREATION_DATE: u32 = 0x0070_0082;
const CREATION_TIME: u32 = 0x0070_0083;
const CREATOR: u32 = 0x0070_0084;
const SIZE_MODE: u32 = 0x0070_0100;
const AREA_SPACING: u32 = 0x0070_0101;
const AREA_RATIO: u32 = 0x0070_0102;
/// Name of the only layer of graphics.
const OWN_LAYER: &str = "RISK";

/// A label and the rectangle from the top left corner in which it lies.
pub(crate) struct Placed<'a> {
    pub(crate) text: &'a str,
    pub(crate) rect: Rect,
}

/// Writes the presentation state of a source of this size.
///
/// # Errors
/// [`Error::Damaged`] if the source lacks an identifier, [`Error::Encode`].
pub(crate) fn write(
    source: &DataSet<'_>,
    tables: &Tables,
    size: (u32, u32),
    label: &Placed<'_>,
    finding: &Finding<'_>,
) -> Result<Vec<u8>, Error> {
    let ids = SourceIds::read(source)?;
    let mut state = of_source(source);
    put_identity(&mut state, &SERIES, finding, &ids);
    let (date, time) = written_at(source);
    // It must be there, if only empty.
    state.put_text(tag::LATERALITY, b"CS", "");
    state.put_text(CREATION_DATE, b"DA", &date);
    state.put_text(CREATION_TIME, b"TM", &time);
    state.put_text(CREATOR, b"PN", "");
    state.put_text(CONTENT_LABEL, b"CS", "PNEUMONIA_RISK");
    let description = "Pneumonia risk, not for diagnosis";
    state.put_text(CONTENT_DESCRIPTION, b"LO", description);

    let mut series = DataSet::new();
    series.put_text(tag::SERIES_INSTANCE, b"UI", &ids.series);
    series.put_items(tag::REFERENCED_IMAGE, vec![ids.reference()]);
    state.put_items(tag::REFERENCED_SERIES, vec![series]);

    state.put_items(AREAS, vec![area(source, size)]);
    state.put_items(ANNOTATIONS, vec![annotation(label)]);
    let mut layer = DataSet::new();
    layer.put_text(LAYER, b"CS", OWN_LAYER);
    layer.put_text(LAYER_ORDER, b"IS", "1");
    state.put_items(LAYERS, vec![layer]);

    put_modality(&mut state, source, &tables.modality);
    state.put_items(SOFTCOPY_VOI, vec![voi(&tables.voi)]);
    let shape = match tables.is_inverse {
        true => "INVERSE",
        false => "IDENTITY",
    };
    state.put_text(tag::PRESENTATION_SHAPE, b"CS", shape);
    write::file(&state, &EXPLICIT)
}

/// The whole picture, in the shape of its pixels.
fn area(source: &DataSet<'_>, (width, height): (u32, u32)) -> DataSet<'static> {
    let mut area = DataSet::new();
    let corner = |x: u32, y: u32| [x, y].into_iter().flat_map(u32::to_le_bytes).collect();
    area.put_bytes(AREA_TOP_LEFT, b"SL", corner(1, 1));
    area.put_bytes(AREA_BOTTOM_RIGHT, b"SL", corner(width, height));
    area.put_text(SIZE_MODE, b"CS", "SCALE TO FIT");
    let pair = |tag| {
        let values = source.decimals(tag);
        let is_sound =
            values.len() == 2 && values.iter().flatten().filter(|v| **v > 0.0).count() == 2;
        is_sound.then(|| source.texts(tag).join("\\"))
    };
    match pair(tag::PIXEL_SPACING).or_else(|| pair(tag::IMAGER_SPACING)) {
        Some(spacing) => area.put_text(AREA_SPACING, b"DS", &spacing),
        None => {
            let ratio = pair(tag::ASPECT_RATIO).unwrap_or_else(|| "1\\1".to_owned());
            area.put_text(AREA_RATIO, b"IS", &ratio);
        }
    }
    area
}

fn annotation(label: &Placed<'_>) -> DataSet<'static> {
    let corner = |x: u32, y: u32| {
        [x as f32, y as f32]
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect()
    };
    let Rect {
        x,
        y,
        width,
        height,
    } = label.rect;
    let mut text = DataSet::new();
    text.put_text(BOX_UNITS, b"CS", "PIXEL");
    text.put_text(TEXT, b"ST", label.text);
    text.put_bytes(BOX_TOP_LEFT, b"FL", corner(x, y));
    text.put_bytes(BOX_BOTTOM_RIGHT, b"FL", corner(x + width, y + height));
    text.put_text(JUSTIFICATION, b"CS", "LEFT");
    let mut annotation = DataSet::new();
    annotation.put_text(LAYER, b"CS", OWN_LAYER);
    annotation.put_items(TEXTS, vec![text]);
    annotation
}

/// Puts the source's modality transformation, in place of which a presentation state's own counts.
fn put_modality(state: &mut DataSet<'_>, source: &DataSet<'_>, modality: &Modality) {
    match modality {
        Modality::Linear { .. } if modality.is_identity() => {}
        Modality::Linear { slope, intercept } => {
            state.put_text(tag::INTERCEPT, b"DS", &decimal::write(*intercept));
            state.put_text(tag::SLOPE, b"DS", &decimal::write(*slope));
            let kind = source.text(tag::RESCALE_TYPE);
            state.put_text(tag::RESCALE_TYPE, b"LO", kind.as_deref().unwrap_or("US"));
        }
        Modality::Table(lut) => {
            let mut item = lut.item();
            let table = source.items(tag::MODALITY_LUT).first();
            let kind = table.and_then(|table| table.text(tag::MODALITY_LUT_TYPE));
            item.put_text(
                tag::MODALITY_LUT_TYPE,
                b"LO",
                kind.as_deref().unwrap_or("US"),
            );
            state.put_items(tag::MODALITY_LUT, vec![item]);
        }
    }
}

fn voi(shown: &Voi) -> DataSet<'static> {
    let mut item = DataSet::new();
    let (center, width, function) = match shown {
        Voi::Table(lut) => {
            item.put_items(tag::VOI_LUT, vec![lut.item()]);
            return item;
        }
        Voi::Window {
            center,
            width,
            function,
        } => (*center, *width, *function),
        // A width must not be zero.
        Voi::Range(low, high) => (
            (low + high) / 2.0,
            (high - low).max(1.0),
            Function::LinearExact,
        ),
    };
    item.put_text(tag::WINDOW_CENTER, b"DS", &decimal::write(center));
    item.put_text(tag::WINDOW_WIDTH, b"DS", &decimal::write(width));
    item.put_text(tag::VOI_FUNCTION, b"CS", function.name());
    item
}
