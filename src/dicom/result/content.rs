//! Content items of a structured report (PS3.3, C.17.3).

use crate::dicom::{
    attributes as tag,
    element::{DataSet, Element, Value},
};

pub(super) const CONTENT: u32 = 0x0040_A730;
const RELATIONSHIP: u32 = 0x0040_A010;
const VALUE_TYPE: u32 = 0x0040_A040;
const CONCEPT_NAME: u32 = 0x0040_A043;
const CONTINUITY: u32 = 0x0040_A050;
const UID: u32 = 0x0040_A124;
const TEXT: u32 = 0x0040_A160;
const CONCEPT: u32 = 0x0040_A168;
const MEASURED: u32 = 0x0040_A300;
const NUMBER: u32 = 0x0040_A30A;
const UNITS: u32 = 0x0040_08EA;
const TEMPLATES: u32 = 0x0040_A504;
const MAPPING_RESOURCE: u32 = 0x0008_0105;
const TEMPLATE: u32 = 0x0040_DB00;

/// A coded concept: value, scheme, meaning.
#[derive(Clone, Copy)]
pub(super) struct Code<'a>(pub &'a str, pub &'a str, pub &'a str);

impl Code<'_> {
    fn item(self) -> DataSet<'static> {
        let mut item = DataSet::new();
        item.put_text(tag::CODE_VALUE, b"SH", self.0);
        item.put_text(tag::CODING_SCHEME, b"SH", self.1);
        item.put_text(tag::CODE_MEANING, b"LO", self.2);
        item
    }
}

/// A content item.
pub(super) struct Item(DataSet<'static>);

impl Item {
    fn new(relationship: &str, kind: &str, name: Code<'_>) -> Item {
        let mut item = DataSet::new();
        if !relationship.is_empty() {
            item.put_text(RELATIONSHIP, b"CS", relationship);
        }
        item.put_text(VALUE_TYPE, b"CS", kind);
        item.put_items(CONCEPT_NAME, vec![name.item()]);
        Item(item)
    }

    /// A container of items, by a template of PS3.16 if one is named.
    pub(super) fn container(
        relationship: &str,
        name: Code<'_>,
        template: Option<&str>,
        content: Vec<Item>,
    ) -> Item {
        let mut item = Item::new(relationship, "CONTAINER", name);
        item.0.put_text(CONTINUITY, b"CS", "SEPARATE");
        if let Some(template) = template {
            let mut used = DataSet::new();
            used.put_text(MAPPING_RESOURCE, b"CS", "DCMR");
            used.put_text(TEMPLATE, b"CS", template);
            item.0.put_items(TEMPLATES, vec![used]);
        }
        item.with(content)
    }

    pub(super) fn code(relationship: &str, name: Code<'_>, value: Code<'_>) -> Item {
        let mut item = Item::new(relationship, "CODE", name);
        item.0.put_items(CONCEPT, vec![value.item()]);
        item
    }

    pub(super) fn text(relationship: &str, name: Code<'_>, text: &str) -> Item {
        let mut item = Item::new(relationship, "TEXT", name);
        item.0.put_text(TEXT, b"UT", text);
        item
    }

    pub(super) fn uid(relationship: &str, name: Code<'_>, uid: &str) -> Item {
        let mut item = Item::new(relationship, "UIDREF", name);
        item.0.put_text(UID, b"UI", uid);
        item
    }

    pub(super) fn number(relationship: &str, name: Code<'_>, number: &str, unit: Code<'_>) -> Item {
        let mut item = Item::new(relationship, "NUM", name);
        let mut value = DataSet::new();
        value.put_text(NUMBER, b"DS", number);
        value.put_items(UNITS, vec![unit.item()]);
        item.0.put_items(MEASURED, vec![value]);
        item
    }

    pub(super) fn image(relationship: &str, name: Code<'_>, reference: DataSet<'static>) -> Item {
        let mut item = Item::new(relationship, "IMAGE", name);
        item.0.put_items(tag::REFERENCED_SOP, vec![reference]);
        item
    }

    /// Returns it with items below it.
    pub(super) fn with(mut self, content: Vec<Item>) -> Item {
        if !content.is_empty() {
            let content = content.into_iter().map(|item| item.0).collect();
            self.0.put_items(CONTENT, content);
        }
        self
    }

    /// Puts it into a document as its root.
    pub(super) fn into_root(self, document: &mut DataSet<'_>) {
        for Element { tag, vr, value } in self.0.into_elements() {
            let value: Value<'static> = value;
            document.put(Element { tag, vr, value });
        }
    }
}
