//! The UIDs by which a received object is filed.

use super::{
    attributes as tag, damaged,
    object::{self, Container},
    syntax::is_uid,
};
use crate::error::Error;

/// UIDs of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// SOP Instance UID.
    pub instance: String,
}

/// Reads the UIDs of an object of a kind that is read; `max_bytes` limits a deflated one.
///
/// # Errors
/// [`Error::NotAnImage`] that names another kind, [`Error::Damaged`] for a faulty object.
pub fn identity(file: &[u8], max_bytes: u64) -> Result<Identity, Error> {
    let container = Container::open(file, max_bytes)?;
    let data = container.data_set()?;
    object::kind(&data)?;
    let uid = |tag, name: &str| {
        let uid = data.text(tag).filter(|uid| is_uid(uid));
        uid.ok_or_else(|| damaged(&format!("{name} is missing, or no UID")))
    };
    Ok(Identity {
        study: uid(tag::STUDY_INSTANCE, "Study Instance UID")?,
        series: uid(tag::SERIES_INSTANCE, "Series Instance UID")?,
        instance: uid(tag::SOP_INSTANCE, "SOP Instance UID")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::tests::{file, object, slope};

    #[test]
    fn uids_are_read_only_if_they_are_some() {
        let mut data = object(12, &slope(8, 8), 8);
        let found = identity(&file(&data), 1 << 20).unwrap();
        assert_eq!(
            (
                found.study.as_str(),
                found.series.as_str(),
                found.instance.as_str()
            ),
            ("1.2.3", "1.2.3.4", "1.2.3.4.5")
        );
        data.put_text(tag::SERIES_INSTANCE, b"UI", "../secret");
        let error = identity(&file(&data), 1 << 20).unwrap_err().to_string();
        assert!(error.contains("Series Instance UID") && !error.contains("secret"));
        data.put_text(tag::SOP_CLASS, b"UI", "1.2.840.10008.5.1.4.1.1.2");
        assert!(matches!(
            identity(&file(&data), 1 << 20),
            Err(Error::NotAnImage(_))
        ));
    }
}
