//! Every action of table E.1-1, at every depth of sequences, by a check that shares no code with
//! the de-identification.

use std::fs;

use super::reference::{Folder, python, script, script_with};
use super::*;

#[test]
fn every_action_of_the_table_is_done_in_sequences_of_every_depth() {
    let Some(python) = python() else { return };
    let folder = Folder::new("actions");
    script(&python, "actions.py", &folder.0);
    for depth in 0..5 {
        let part = |kind| folder.0.join(format!("depth-{depth}.{kind}"));
        let source = fs::read(part("source")).unwrap();
        let outputs = process(&source, 0.97, &[], None).unwrap();
        let copy = outputs.anonymized.expect("a copy is due").bytes;
        fs::write(part("copy"), copy).unwrap();
    }
    let said = script_with(&python, "actions.py", &["--check"], &folder.0);
    assert!(said.contains(" attributes at 5 depths"), "{said}");
    println!("{said}");
}
