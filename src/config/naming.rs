//! Settings of the anonymized name: what of the source's key stays in it, and in which form.

use wildmatch::WildMatch;

/// Derivation of a study id from a patient id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudyId {
    /// HMAC-SHA-256 under the pseudonym key.
    Keyed,
    /// Unkeyed BLAKE2b of four bytes, as in the system this one replaces. It can be undone by
    /// trying every id; for parity tests only.
    Legacy,
}

/// The part of the exam date that stays in the anonymized name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExamDate {
    /// All of it, as in the system this one replaces.
    Keep,
    /// The year.
    Year,
    /// A date up to a year earlier, by the same number of days for all exams of a patient.
    Shift,
}

/// The folders of the source that stay in the anonymized key. A folder with an identifier in it
/// never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folders {
    /// Those that [`Naming::keep_folders`] names; every other becomes a digest.
    Digest,
    /// All in which no identifier is found.
    Checked,
}

/// All settings of the anonymized name.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    /// Derivation of study ids from patient ids.
    pub study_id: StudyId,
    /// The part of the exam date that stays.
    pub exam_date: ExamDate,
    /// The folders that stay.
    pub folders: Folders,
    /// Names of folders that stay under [`Folders::Digest`].
    pub keep_folders: Globs,
}

impl Naming {
    /// Reports whether a folder of this name may stay if it identifies nobody.
    pub fn keeps_folder(&self, name: &str) -> bool {
        match self.folders {
            Folders::Digest => self.keep_folders.match_name(name),
            Folders::Checked => true,
        }
    }
}

/// Patterns for the name of one folder: `*` matches any text, `?` any character.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Globs(Vec<WildMatch>);

impl Globs {
    /// Parses patterns separated by commas.
    ///
    /// # Errors
    /// When a pattern is empty or contains a slash: it names one folder.
    pub fn parse(text: &str) -> Result<Globs, String> {
        if text.is_empty() {
            return Ok(Globs::default());
        }
        let pattern = |pattern: &str| match pattern.trim() {
            "" => Err("has an empty pattern; separate patterns by one comma each".to_owned()),
            p if p.contains('/') => Err(format!(
                "`{p}` contains a slash, but each pattern names one folder"
            )),
            p => Ok(WildMatch::new(p)),
        };
        text.split(',')
            .map(pattern)
            .collect::<Result<_, _>>()
            .map(Globs)
    }

    /// Reports whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn match_name(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(name))
    }

    /// Returns the patterns in their order, separated by commas.
    pub fn text(&self) -> String {
        let patterns: Vec<String> = self.0.iter().map(WildMatch::to_string).collect();
        patterns.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(globs: &str, name: &str) -> bool {
        Globs::parse(globs).unwrap().match_name(name)
    }

    #[test]
    fn globs_match_whole_names() {
        for (globs, name, expect) in [
            ("ward-*", "ward-3", true),
            ("ward-*", "my-ward-3", false),
            ("ward-?", "ward-12", false),
            ("raw, 20??", "2020", true),
            ("raw, 20??", "raw2", false),
            ("RAW", "raw", false),
            ("*", "anything", true),
            ("", "", false),
        ] {
            assert_eq!(matches(globs, name), expect, "{globs}: {name}");
        }
        assert_eq!(Globs::parse(" a*,  b").unwrap().text(), "a*,b");
    }

    #[test]
    fn globs_are_names_of_single_folders() {
        assert!(Globs::parse("a/b").unwrap_err().contains("a/b"));
        assert!(Globs::parse("a,,b").is_err());
        assert!(Globs::parse(",").is_err());
    }
}
