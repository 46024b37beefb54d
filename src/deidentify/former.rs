//! Names that a copy may have from before: under another setting of `folders`, or by an earlier
//! release, whose check knew fewer disguises.
//!
//! Names under other patterns of `keep_folders`, another `exam_date` or another `study_id` are not
//! among them; `xray reprocess` finds those by the copies' metadata.

use super::{AnonymizedKeys, KeepsFolder, Pseudonyms, patient::Patient};

impl Pseudonyms {
    /// Returns the former keys of the anonymized copy of `key` in `bucket`, without those of
    /// [`Pseudonyms::anonymized_keys`]. They may hold identifiers.
    pub fn former_keys(&self, bucket: &str, key: &str) -> Vec<String> {
        let now = self.anonymized_keys(bucket, key);
        let checked = |p: &Patient<'_>, folder: &str| {
            !p.is_identified_by(folder) && !self.reveals_exam(p, folder)
        };
        let folders: [KeepsFolder<'_>; 3] = [&|_, _| true, &checked, &|_, _| false];
        let prefixes: [fn(&Patient<'_>) -> bool; 2] = [|p| p.is_label(), |p| p.has_safe_prefix()];
        let mut former = Vec::new();
        for keeps in folders {
            for is_kept in prefixes {
                let AnonymizedKeys { base, alternative } = self.keys(bucket, key, is_kept, keeps);
                if base != now.base && !former.contains(&base) {
                    former.extend([base, alternative]);
                }
            }
        }
        former
    }
}
