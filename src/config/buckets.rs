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
        }
    }

    /// Reports whether the bucket is one of the output buckets.
    pub fn name_output(&self, bucket: &str) -> bool {
        [&self.processed, &self.anonymized]
            .into_iter()
            .chain(&self.quarantine)
            .any(|suffix| bucket.ends_with(suffix))
    }
}

impl Buckets {
    /// Returns the names in the order input, processed, anonymized, quarantine; the last only if
    /// there is one.
    pub fn all(&self) -> Vec<&str> {
        let mut all = vec![self.input.as_str(), &self.processed, &self.anonymized];
        all.extend(self.quarantine.as_deref());
        all
    }
}
