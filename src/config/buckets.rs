/// Suffix of the bucket with the log of the page's people. Not a setting: no output lands there,
/// and no event from there does anything.
pub const AUDIT_SUFFIX: &str = "-audit";

/// Suffixes that turn the name of an input bucket into those of its output buckets, each different
/// from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suffixes {
    pub processed: String,
    pub anonymized: String,
    pub quarantine: Option<String>,
}

/// Names of the buckets that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// Bucket of the sources.
    pub input: String,
    /// Bucket of the labeled pictures.
    pub processed: String,
    /// Bucket of the anonymized copies.
    pub anonymized: String,
    /// Bucket of the copies that may still contain text; `None` stores such a copy nowhere.
    pub quarantine: Option<String>,
    /// Bucket of the audit log. Only the page uses it.
    pub audit: String,
}

impl Suffixes {
    /// Names the buckets that belong to an input bucket.
    pub fn buckets(&self, input: &str) -> Buckets {
        let with = |suffix: &String| format!("{input}{suffix}");
        Buckets {
            input: input.to_owned(),
            processed: with(&self.processed),
            anonymized: with(&self.anonymized),
            quarantine: self.quarantine.as_ref().map(with),
            audit: format!("{input}{AUDIT_SUFFIX}"),
        }
    }

    /// Reports whether the bucket is one of the output buckets, or holds an audit log.
    pub fn name_output(&self, bucket: &str) -> bool {
        [&self.processed, &self.anonymized]
            .into_iter()
            .chain(&self.quarantine)
            .map(String::as_str)
            .chain([AUDIT_SUFFIX])
            .any(|suffix| bucket.ends_with(suffix))
    }
}

impl Buckets {
    /// Returns the function's buckets in the order input, processed, anonymized, quarantine; the
    /// last only if there is one.
    pub fn all(&self) -> Vec<&str> {
        let mut all = vec![self.input.as_str(), &self.processed, &self.anonymized];
        all.extend(self.quarantine.as_deref());
        all
    }
}
