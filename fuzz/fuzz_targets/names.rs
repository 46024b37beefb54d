//! Any key gives two different names within the store's limit; a name that is not understood is
//! replaced whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xray::{
    config::{ExamDate, Folders, Globs, Naming, StudyId},
    deidentify::Pseudonyms,
    secret::Secret,
};

fuzz_target!(|input: (&str, u8)| {
    let (key, exam) = input;
    let exam = [ExamDate::Keep, ExamDate::Year, ExamDate::Shift][usize::from(exam % 3)];
    let naming = Naming {
        study_id: StudyId::Keyed,
        exam_date: exam,
        folders: Folders::Checked,
        keep_folders: Globs::default(),
    };
    let pseudonyms = Pseudonyms::new(Secret::new("a key".to_owned()), naming);
    let keys = pseudonyms.anonymized_keys("bucket", key);
    assert_ne!(keys.base, keys.alternative);
    if key.len() <= xray::event::MAX_KEY_BYTES {
        assert!(keys.base.len() <= xray::event::MAX_KEY_BYTES);
    }
});
