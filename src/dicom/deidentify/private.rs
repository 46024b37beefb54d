//! Private attributes that the standard lists as safe (PS3.15, table E.3.10-1, without those of
//! ultrasound, which no X-ray has).

use crate::dicom::{element::DataSet, read::is_private_creator};

/// Lines of group, number within the block, and creator.
static TABLE: &str = include_str!("private.txt");

/// Returns the tags of a data set's safe private attributes, and of the creators that reserve their
/// blocks.
pub(super) fn safe(data: &DataSet<'_>) -> Vec<u32> {
    let mut tags = Vec::new();
    for element in data.elements() {
        if !is_private_creator(element.tag) {
            continue;
        }
        let Some(creator) = data.text(element.tag) else {
            continue;
        };
        let (group, block) = (element.tag >> 16, element.tag & 0xFF);
        let in_block = data.elements().iter().map(|e| e.tag);
        let mut in_block = in_block
            .filter(|tag| tag >> 16 == group && (tag & 0xFFFF) >> 8 == block)
            .filter(|tag| is_listed(group, tag & 0xFF, &creator))
            .peekable();
        if in_block.peek().is_some() {
            tags.push(element.tag);
            tags.extend(in_block);
        }
    }
    tags
}

fn is_listed(group: u32, number: u32, creator: &str) -> bool {
    let key = format!("{group:04X} {number:02X} ");
    let mut lines = TABLE.lines();
    lines.any(|line| line.strip_prefix(&key) == Some(creator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_safe_only_in_blocks_of_their_creators() {
        let mut data = DataSet::new();
        for (tag, text) in [
            (0x0903_0010, "GEIIS PACS"),
            (0x0903_0011, "SOMEBODY ELSE"),
            (0x0903_1010, "1"),
            (0x0903_1013, "2"),
            (0x0903_1110, "3"),
            (0x0019_0010, "GEIIS PACS"),
            (0x0019_1010, "4"),
            (0x0045_0010, "GEMS_HELIOS_01"),
        ] {
            data.put_text(tag, b"LO", text);
        }
        assert_eq!(safe(&data), [0x0903_0010, 0x0903_1010]);
        assert!(TABLE.lines().is_sorted());
    }
}
