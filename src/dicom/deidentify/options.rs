//! The options of the profile (PS3.15, E.3), as settings.

use super::profile::Letter;

/// Treatment of dates and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// They are removed.
    Remove,
    /// They are kept.
    Keep,
    /// Dates become earlier, all of a patient by the same number of days.
    Shift,
}

impl Dates {
    /// Parses the setting.
    ///
    /// # Errors
    /// Lists the accepted words.
    pub fn parse(text: &str) -> Result<Dates, String> {
        match text {
            "remove" => Ok(Dates::Remove),
            "keep" => Ok(Dates::Keep),
            "shift" => Ok(Dates::Shift),
            "year" => Err(
                "`year` is not possible: a date in a DICOM object has a month and a day; choose remove, keep or shift"
                    .to_owned(),
            ),
            _ => Err(format!("`{text}` is not one of remove, keep, shift")),
        }
    }

    /// Returns the word of the setting.
    pub fn word(self) -> &'static str {
        match self {
            Dates::Remove => "remove",
            Dates::Keep => "keep",
            Dates::Shift => "shift",
        }
    }
}

/// An option, besides those about dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// Descriptors that are on a list stay.
    CleanDescriptors,
    /// Identities of devices stay.
    DeviceIdentity,
    /// Characteristics of the patient stay.
    PatientCharacteristics,
    /// Private attributes that the standard lists as safe stay.
    SafePrivate,
    /// UIDs stay.
    Uids,
}

impl Choice {
    /// All of them, in the order of their words.
    const ALL: [Choice; 5] = [
        Choice::CleanDescriptors,
        Choice::DeviceIdentity,
        Choice::PatientCharacteristics,
        Choice::SafePrivate,
        Choice::Uids,
    ];

    /// Returns the word of the setting.
    fn word(self) -> &'static str {
        match self {
            Choice::CleanDescriptors => "clean-descriptors",
            Choice::DeviceIdentity => "retain-device-identity",
            Choice::PatientCharacteristics => "retain-patient-characteristics",
            Choice::SafePrivate => "retain-safe-private",
            Choice::Uids => "retain-uids",
        }
    }

    /// Returns its column of the profile's table; private attributes have a table of their own.
    pub(super) fn letter(self) -> Option<Letter> {
        match self {
            Choice::CleanDescriptors => Some(Letter::Descriptor),
            Choice::DeviceIdentity => Some(Letter::Device),
            Choice::PatientCharacteristics => Some(Letter::Patient),
            Choice::SafePrivate => None,
            Choice::Uids => Some(Letter::Uid),
        }
    }
}

/// A choice of options, in the order of their words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices(Vec<Choice>);

impl Choices {
    /// Parses words separated by commas.
    ///
    /// # Errors
    /// Lists the accepted words.
    pub fn parse(text: &str) -> Result<Choices, String> {
        let words = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let choices = words.map(|word| {
            let known = Choice::ALL.into_iter().find(|choice| choice.word() == word);
            known.ok_or_else(|| {
                let all = Choice::ALL.map(Choice::word).join(", ");
                format!("`{word}` is not one of {all}")
            })
        });
        let mut choices: Vec<Choice> = choices.collect::<Result<_, _>>()?;
        choices.sort_unstable();
        choices.dedup();
        Ok(Choices(choices))
    }

    /// Returns the words, separated by commas.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|choice| choice.word()).collect();
        words.join(",")
    }

    /// Reports whether an option is chosen.
    pub(crate) fn has(&self, choice: Choice) -> bool {
        self.0.contains(&choice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Choice> {
        self.0.iter().copied()
    }
}

/// All options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Treatment of dates and times.
    pub dates: Dates,
    /// The others.
    pub choices: Choices,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_words_in_any_order() {
        let choices = Choices::parse("retain-uids, clean-descriptors,retain-uids").unwrap();
        assert_eq!(choices.text(), "clean-descriptors,retain-uids");
        assert!(choices.has(Choice::Uids) && !choices.has(Choice::SafePrivate));
        assert_eq!(Choices::parse("").unwrap(), Choices::default());
        let error = Choices::parse("retain-names").unwrap_err();
        assert!(error.contains("retain-names") && error.contains("retain-safe-private"));
    }

    #[test]
    fn years_alone_are_refused_with_the_reason() {
        let error = Dates::parse("year").unwrap_err();
        assert!(error.contains("month and a day"), "{error}");
        for dates in [Dates::Remove, Dates::Keep, Dates::Shift] {
            assert_eq!(Dates::parse(dates.word()), Ok(dates));
        }
    }
}
