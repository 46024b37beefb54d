//! Invented patients.

use serde::Serialize;

use crate::seed::Seed;

const FIRST: [&str; 24] = [
    "Ada", "Alma", "Bruno", "Clara", "Dora", "Edgar", "Elsa", "Emil", "Flora", "Gus", "Hanna",
    "Hugo", "Ida", "Jonas", "Karla", "Leo", "Lina", "Mara", "Nils", "Oskar", "Paula", "Rosa",
    "Theo", "Vera",
];
const LAST: [&str; 24] = [
    "Abbott", "Barlow", "Carver", "Dalton", "Easton", "Falk", "Garner", "Holt", "Ingram", "Jarvis",
    "Keller", "Lowell", "Mercer", "Nolan", "Osborn", "Pruitt", "Quill", "Ramsey", "Sutter",
    "Thorne", "Ulrich", "Vance", "Walsh", "Yates",
];

/// An invented patient: the lines burned into a picture and the parts of its file name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Patient {
    /// First and last name.
    pub name: String,
    /// Hospital number, four digits.
    pub id: String,
    /// Date of birth, `YYYY-MM-DD`.
    pub birth: String,
    /// Date of the examination, `YYYY-MM-DD`.
    pub exam: String,
}

impl Patient {
    /// Invents patient `index` of a run. Ids differ within a run, so that no two files share a
    /// name.
    pub(crate) fn invent(seed: &mut Seed, index: usize) -> Self {
        let name = format!("{} {}", seed.pick(&FIRST), seed.pick(&LAST));
        // 4,567 and 9,000 are coprime, so ids repeat only after 9,000 patients.
        let id = 1000 + (index * 4567 + 2086) % 9000;
        let birth = date(seed, 1938, 1965);
        let exam = date(seed, 2015, 2018);
        Self {
            name,
            id: id.to_string(),
            birth,
            exam,
        }
    }

    /// Returns the patient as a child of one to four years: the shipped model judges no other age,
    /// and a DICOM object says it.
    pub(crate) fn into_child(self) -> Self {
        let younger = 2 + self.id.bytes().map(usize::from).sum::<usize>() % 3;
        let birth = format!("{}{}", year(&self.exam) - younger, &self.birth[4..]);
        Self { birth, ..self }
    }

    /// Returns the age at the examination, in full years.
    pub(crate) fn age(&self) -> usize {
        let before_birthday = self.exam[4..] < self.birth[4..];
        year(&self.exam) - year(&self.birth) - usize::from(before_birthday)
    }

    /// Returns a file name of the pattern that the function de-identifies.
    pub fn file_name(&self) -> String {
        format!(
            "demo_{}_{}_{}_{}.jpeg",
            self.name, self.id, self.birth, self.exam
        )
    }

    /// Returns the lines to burn in.
    pub(crate) fn lines(&self) -> [String; 4] {
        [
            format!("name:{}", self.name),
            format!("id:{}", self.id),
            format!("d.o.b.:{}", self.birth),
            format!("d.o.xray:{}", self.exam),
        ]
    }
}

fn year(date: &str) -> usize {
    date[..4].parse().expect("dates begin with a year")
}

fn date(seed: &mut Seed, first_year: usize, last_year: usize) -> String {
    let year = first_year + seed.below(last_year - first_year + 1);
    format!("{year}-{:02}-{:02}", 1 + seed.below(12), 1 + seed.below(28))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn lines_fit_the_default_box() {
        for first in FIRST {
            for last in LAST {
                let letters = "name:".len() + first.len() + 1 + last.len();
                // The box is 300 px wide, a letter at 25 px 15.05 px.
                assert!(letters <= 19, "{first} {last}");
            }
        }
    }

    #[test]
    fn children_are_one_to_four_years_old() {
        let mut seed = Seed::new(1);
        let ages: HashSet<_> = (0..200)
            .map(|i| Patient::invent(&mut seed, i).into_child().age())
            .collect();
        assert_eq!(ages, HashSet::from([1, 2, 3, 4]));
    }

    #[test]
    fn ids_are_unique_within_a_run() {
        let mut seed = Seed::new(1);
        let ids: HashSet<_> = (0..9000)
            .map(|i| Patient::invent(&mut seed, i).id)
            .collect();
        assert_eq!(ids.len(), 9000);
        assert!(ids.iter().all(|id| id.len() == 4));
    }
}
