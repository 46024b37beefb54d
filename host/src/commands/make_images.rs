//! `xray make-images`: pictures to try the pipeline with, and the ground truth of the text on them.

use std::{fs, path::PathBuf, str::FromStr};

use ab_glyph::FontRef;
use anyhow::{Context, Result, anyhow, bail};
use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use phantoms::{Corner, DEFAULT_SEED, Kind, Style, Subject, TRUTH_FILE, make_images};

use crate::commands::shared::{
    pictures::{is_shown, pictures_in},
    progress::progress_bar,
};

/// Arguments of `xray make-images`.
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Folder of real X-rays, JPEG or PNG, to burn an invented patient into; without it phantoms
    /// are drawn.
    #[arg(value_name = "DIR")]
    pub xrays: Option<PathBuf>,
    /// Folder for the pictures and the ground truth.
    #[arg(short, long, value_name = "DIR", default_value = "images")]
    pub out: PathBuf,
    /// Number of pictures [default: 24 phantoms, or all X-rays].
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Seed; the same seed makes the same pictures.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Degree of illness of the phantoms.
    #[arg(long, value_enum, default_value_t = KindArg::Mixed)]
    pub kind: KindArg,
    /// Burn in no patient, only side markers and ticks; the file name holds the patient all the
    /// same.
    #[arg(long, conflicts_with_all = ["size", "grey", "corner", "font"])]
    pub no_patient: bool,
    /// Height of the patient's letters in pixels: a number, or a range as in 14-60 to choose from.
    #[arg(long, value_name = "PX", default_value = "25")]
    pub size: Span<f32>,
    /// Gray level of the letters, 0 to 255: a number, or a range as in 90-255.
    #[arg(long, value_name = "LEVEL", default_value = "235")]
    pub grey: Span<u8>,
    /// Corner for the patient; repeat it to choose among several.
    #[arg(long, value_parser = corners_parser(), default_value = "bottom-left")]
    pub corner: Vec<Corners>,
    /// TrueType or OpenType font; repeat it to choose among several [default: DejaVu Sans Mono].
    #[arg(long, value_name = "FILE")]
    pub font: Vec<PathBuf>,
    /// Show no progress bar.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Degree of illness of the phantoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Healthy, ill and in between in turn.
    Mixed,
    /// All healthy.
    Normal,
    /// All clearly ill.
    Pneumonia,
}

/// Corners for the patient that one value of `--corner` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corners(Vec<Corner>);

fn corners_parser() -> impl TypedValueParser<Value = Corners> {
    let names = Corner::ALL.map(|corner| PossibleValue::new(corner.name()));
    let any = PossibleValue::new("any").help("Any of the four");
    PossibleValuesParser::new(names.into_iter().chain([any])).try_map(|name| {
        Ok::<_, String>(Corners(match name.as_str() {
            "any" => Corner::ALL.to_vec(),
            name => vec![name.parse()?],
        }))
    })
}

/// Range with both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<T>(T, T);

impl<T: FromStr + PartialOrd + Copy> FromStr for Span<T> {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        match (from.trim().parse::<T>(), to.trim().parse::<T>()) {
            (Ok(from), Ok(to)) if from <= to => Ok(Span(from, to)),
            _ => bail!("`{text}` is neither a number in range nor two as in 14-60"),
        }
    }
}

/// Makes the pictures.
///
/// # Errors
/// Returns an error if a font or an X-ray can't be read, there are no X-rays, or a file can't be
/// written.
pub fn run(args: &ImagesArgs) -> Result<()> {
    let fonts = args
        .font
        .iter()
        .map(|path| fs::read(path).with_context(|| format!("reading {}", path.display())))
        .collect::<Result<Vec<_>>>()?;
    let mut style = Style {
        burned_in: !args.no_patient,
        em: (args.size.0, args.size.1),
        gray: (args.grey.0, args.grey.1),
        corners: args
            .corner
            .iter()
            .flat_map(|corners| corners.0.clone())
            .collect(),
        ..Style::default()
    };
    if !fonts.is_empty() {
        let read = |(bytes, path): (_, &PathBuf)| {
            FontRef::try_from_slice(bytes)
                .map_err(|_| anyhow!("{} is not a TrueType or OpenType font", path.display()))
        };
        let pairs = fonts.iter().map(Vec::as_slice).zip(&args.font);
        style.fonts = pairs.map(read).collect::<Result<_>>()?;
    }
    let style = style.checked()?;
    let subject = subject(args)?;
    let count = match &subject {
        Subject::Phantoms(_, count) => *count,
        Subject::Xrays(paths) => paths.len(),
    };
    let bar = progress_bar("drawing", count, args.quiet);
    let made = make_images(&subject, &style, args.seed, &args.out, || bar.inc(1));
    bar.finish_and_clear();
    made?;
    let truth = if args.no_patient {
        format!("no patient is written on any, and {TRUTH_FILE} there says whose each is")
    } else {
        format!("{TRUTH_FILE} there says who is written on each, and where")
    };
    println!(
        "{count} pictures are in {}; {truth}. The patients are invented.",
        args.out.display()
    );
    Ok(())
}

fn subject(args: &ImagesArgs) -> Result<Subject> {
    let Some(dir) = &args.xrays else {
        let kind = match args.kind {
            KindArg::Mixed => Kind::Mixed,
            KindArg::Normal => Kind::Normal,
            KindArg::Pneumonia => Kind::Pneumonia,
        };
        return Ok(Subject::Phantoms(kind, args.count.unwrap_or(24)));
    };
    let mut paths: Vec<PathBuf> = pictures_in(dir)?
        .into_iter()
        .map(|picture| picture.path)
        .filter(|path| is_shown(path))
        .collect();
    paths.truncate(args.count.unwrap_or(usize::MAX));
    if paths.is_empty() {
        bail!("{} holds no JPEG or PNG", dir.display());
    }
    Ok(Subject::Xrays(paths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_one_number_or_two() {
        for (text, span) in [
            ("25", Some(Span(25.0, 25.0))),
            ("14-60", Some(Span(14.0, 60.0))),
            ("60-14", None),
            ("big", None),
        ] {
            assert_eq!(text.parse().ok(), span, "{text}");
        }
        assert!("90-256".parse::<Span<u8>>().is_err());
    }
}
