//! Patients who never lived.

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

/// The lines that a modality burns into its pictures, and the parts of a file name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Patient {
    /// First and last name.
    pub name: String,
    /// The hospital's number, four digits.
    pub id: String,
    /// Date of birth, `YYYY-MM-DD`.
    pub birth: String,
    /// Date of the picture, `YYYY-MM-DD`.
    pub exam: String,
}

impl Patient {
    /// Number `index` of a run: numbers of one run differ in their ids, so that no two files share a name.
    pub(crate) fn invent(seed: &mut Seed, index: usize) -> Self {
        let name = format!("{} {}", seed.pick(&FIRST), seed.pick(&LAST));
        // 4,567 has no factor in common with 9,000, so the ids repeat only after 9,000 patients.
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

    /// The file name that the pipeline knows how to de-identify.
    pub fn file_name(&self) -> String {
        format!(
            "demo_{}_{}_{}_{}.jpeg",
            self.name, self.id, self.birth, self.exam
        )
    }

    /// What is burned in, line by line.
    pub(crate) fn lines(&self) -> [String; 4] {
        [
            format!("name:{}", self.name),
            format!("id:{}", self.id),
            format!("d.o.b.:{}", self.birth),
            format!("d.o.xray:{}", self.exam),
        ]
    }
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
    fn every_line_fits_the_box() {
        for first in FIRST {
            for last in LAST {
                let letters = "name:".len() + first.len() + 1 + last.len();
                // Letters of 25 px are 15.05 px wide, the box is 300 px.
                assert!(letters <= 19, "{first} {last}");
            }
        }
    }

    #[test]
    fn no_two_patients_of_a_run_share_an_id() {
        let mut seed = Seed::new(1);
        let ids: HashSet<_> = (0..9000)
            .map(|i| Patient::invent(&mut seed, i).id)
            .collect();
        assert_eq!(ids.len(), 9000);
        assert!(ids.iter().all(|id| id.len() == 4));
    }
}
