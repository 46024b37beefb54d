//! A copy without the patient: the Basic Profile of PS3.15 and the Clean Pixel Data Option.
//!
//! Stricter than the profile where it leaves room: attributes of other modules than the object's
//! are removed as private ones are, and so are dates, times, names and most texts that its table
//! does not list, codes of local schemes, values without the form of their representation, and
//! texts that hold a part of the patient's name or number.

pub(crate) mod cover;
mod declare;
mod names;
mod profile;
#[cfg(test)]
mod tests;

use super::{
    attributes as tag, dictionary,
    element::{DataSet, Element, Value, Vr},
    object::Kind,
    uid::UidKey,
};
use crate::secret::{Secret, keyed_letters};
pub(crate) use declare::{Pixels, declare, doubtful};
use names::Names;
use profile::Action;

/// Length of a pseudonym in letters, as in the names of anonymized pictures.
const PSEUDONYM_LETTERS: usize = 16;

/// Published coding schemes (PS3.16, chapter 8) that X-rays are described in.
const SCHEMES: [&str; 11] = [
    "DCM", "SCT", "SRT", "SNM3", "SNM", "LN", "UCUM", "RADLEX", "FMA", "I10", "99SDM",
];

/// The keys of the copies' pseudonyms and UIDs.
pub(crate) struct Keys {
    pseudonyms: Secret,
    uids: UidKey,
}

impl Keys {
    pub(crate) fn new(key: &Secret) -> Keys {
        Keys {
            pseudonyms: key.clone(),
            uids: UidKey::new(key, "anonymized"),
        }
    }
}

/// The de-identification of one object.
struct Cleaning<'k> {
    kind: Kind,
    keys: &'k Keys,
    names: Names,
}

/// Returns the data set of the copy, with the source's pixel data.
pub(crate) fn deidentify<'a>(
    source: &DataSet<'a>,
    kind: Kind,
    keys: &Keys,
    pixels: Pixels,
) -> DataSet<'a> {
    let cleaning = Cleaning {
        kind,
        keys,
        names: Names::of(source),
    };
    let mut copy = cleaning.data_set(source, true);
    let id = source.text(tag::PATIENT_ID);
    let pseudonym = id.map_or_else(String::new, |id| {
        keyed_letters(&keys.pseudonyms, "study", &id, PSEUDONYM_LETTERS)
    });
    copy.put_text(tag::PATIENT_NAME, b"PN", &pseudonym);
    copy.put_text(tag::PATIENT_ID, b"LO", &pseudonym);
    copy.put_text(tag::IDENTITY_REMOVED, b"CS", "YES");
    declare(&mut copy, pixels);
    copy.put_text(tag::LONGITUDINAL, b"CS", "REMOVED");
    copy
}

impl Cleaning<'_> {
    fn data_set<'a>(&self, source: &DataSet<'a>, is_top: bool) -> DataSet<'a> {
        let mut copy = DataSet::new();
        copy.is_big = source.is_big;
        for element in source.elements() {
            if let Some(element) = self.element(element, is_top) {
                copy.put(element);
            }
        }
        copy
    }

    fn element<'a>(&self, element: &Element<'a>, is_top: bool) -> Option<Element<'a>> {
        let Element { tag, vr, .. } = *element;
        if tag == tag::PIXEL_DATA {
            return is_top.then(|| element.clone());
        }
        let group = tag >> 16;
        // Private attributes, curves and overlays, and what belongs to pixel data of other kinds.
        let is_dropped =
            group % 2 == 1 || matches!(group, 0..=7 | 0x5000..=0x50FF | 0x6000..=0x60FF | 0x7FE0);
        if is_dropped || !is_expected(tag, vr) {
            return None;
        }
        let with = |value| Some(Element { tag, vr, value });
        let empty = || Value::Bytes((&[] as &[u8]).into());
        match (profile::action(tag, self.kind), &element.value) {
            (Some(Action::Remove), _) | (_, Value::Fragments(_)) => None,
            (Some(Action::Empty), Value::Items(_)) => with(Value::Items(Vec::new())),
            (Some(Action::Empty), Value::Bytes(_)) => with(empty()),
            (Some(Action::Dummy), Value::Items(_)) => None,
            (Some(Action::Dummy), Value::Bytes(_)) => {
                with(Value::Bytes(dummy(&vr).to_vec().into()))
            }
            (Some(Action::ReplaceUid) | None, Value::Items(items)) => {
                let items = items.iter().filter(|item| !is_local_code(item));
                let items = items.map(|item| self.data_set(item, false));
                with(Value::Items(items.collect()))
            }
            (action, Value::Bytes(bytes)) => match &vr {
                b"UI" => with(Value::Bytes(self.uids(bytes, action.is_some()).into())),
                b"DA" | b"DT" | b"TM" | b"PN" => None,
                _ if !has_form(&vr, bytes) => with(empty()),
                _ if is_text(&vr) && self.names.are_in(bytes) => with(empty()),
                // Terms and numbers that describe the pixels can't be spared, and hold no names.
                _ if is_term(&vr) && group != 0x0028 && self.names.spell(bytes) => with(empty()),
                _ => Some(element.clone()),
            },
        }
    }

    /// Replaces UIDs; those of instances even if they are below the root of the standard's own, as
    /// some old programs make them.
    fn uids(&self, bytes: &[u8], are_instances: bool) -> Vec<u8> {
        let text = String::from_utf8_lossy(bytes);
        let uids = text.split('\\').map(|uid| uid.trim_matches(['\0', ' ']));
        let uids = uids.map(|uid| match are_instances {
            true => self.keys.uids.replace_instance(uid),
            false => self.keys.uids.replace(uid),
        });
        uids.collect::<Vec<String>>().join("\\").into_bytes()
    }
}

/// Reports whether an item is a code of a scheme that is not a published one: a hospital's own
/// codes and their meanings could hold anything.
fn is_local_code(item: &DataSet<'_>) -> bool {
    let scheme = item.text(tag::CODING_SCHEME);
    scheme.is_some_and(|scheme| !SCHEMES.contains(&scheme.as_str()))
}

/// Reports whether terms and numbers have the form of their representation (PS3.5, 6.2).
fn has_form(vr: &Vr, bytes: &[u8]) -> bool {
    let fits = |plain: fn(u8) -> bool| bytes.iter().all(|b| plain(*b) || b" \0\\".contains(b));
    match vr {
        b"CS" => fits(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
        b"DS" | b"IS" => fits(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)),
        b"AS" => fits(|b| b.is_ascii_digit() || b"DWMY".contains(&b)),
        _ => true,
    }
}

/// Reports whether an attribute is known and in the representation that the standard gives it: any
/// other could hold anything.
fn is_expected(tag: u32, vr: Vr) -> bool {
    let Some(known) = dictionary::vr(tag) else {
        return false;
    };
    let words = |vr: &Vr| matches!(vr, b"US" | b"SS" | b"OB" | b"OW");
    known == vr || words(&known) && words(&vr)
}

fn is_text(vr: &Vr) -> bool {
    matches!(
        vr,
        b"AE" | b"LO" | b"LT" | b"SH" | b"ST" | b"UC" | b"UR" | b"UT"
    )
}

fn is_term(vr: &Vr) -> bool {
    matches!(vr, b"AS" | b"CS" | b"DS" | b"IS")
}

/// Returns a value that means nothing.
fn dummy(vr: &Vr) -> &'static [u8] {
    match vr {
        b"DA" => b"19000101",
        b"TM" => b"000000",
        b"DT" => b"19000101000000",
        b"AS" => b"000Y",
        b"DS" | b"IS" => b"0 ",
        b"US" | b"SS" => &[0; 2],
        b"UL" | b"SL" | b"FL" | b"AT" => &[0; 4],
        b"FD" | b"SV" | b"UV" => &[0; 8],
        b"UI" => b"2.25.0",
        _ if is_text(vr) || matches!(vr, b"PN" | b"CS") => b"ANON",
        _ => &[0; 2],
    }
}
