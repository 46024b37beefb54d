//! A copy without the patient: the Basic Profile of PS3.15, the Clean Pixel Data Option, and those
//! options that the settings choose.
//!
//! Stricter than the profile where it leaves room: attributes of other modules than the object's
//! are removed as private ones are, and so are dates, times, names and most texts that its table
//! does not list, codes of local schemes, values without the form of their representation, and
//! texts that hold a part of the patient's name or number.

pub(crate) mod cover;
mod dates;
mod declare;
mod descriptors;
mod forms;
mod names;
#[cfg(test)]
mod option_tests;
mod options;
mod private;
mod profile;
#[cfg(test)]
mod tests;

use super::{
    attributes as tag, dictionary,
    element::{DataSet, Element, Value, Vr},
    object::Kind,
    syntax::is_uid,
    uid::UidKey,
};
use crate::secret::{Secret, keyed_days, keyed_letters};
use dates::{Times, is_temporal};
use declare::declare;
pub(crate) use declare::{Pixels, doubtful, redeclare};
use forms::{capped, dummy, empty, has_form, is_term, is_text};
use names::Names;
pub(crate) use options::Choice;
pub use options::{Choices, Dates, Options};
use profile::{Action, Letter, Rule};

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
    times: Times,
    choices: &'k Choices,
}

/// Returns the data set of the copy, with the source's pixel data.
pub(crate) fn deidentify<'a>(
    source: &DataSet<'a>,
    kind: Kind,
    keys: &Keys,
    options: &Options,
    pixels: Pixels,
) -> DataSet<'a> {
    let id = source.text(tag::PATIENT_ID);
    let times = match (options.dates, &id) {
        (Dates::Keep, _) => Times::Kept,
        (Dates::Shift, Some(id)) => Times::Earlier(keyed_days(&keys.pseudonyms, id)),
        // Nobody's dates can't be shifted by one patient's days.
        (Dates::Remove, _) | (Dates::Shift, None) => Times::Removed,
    };
    let cleaning = Cleaning {
        kind,
        keys,
        names: Names::of(source),
        times,
        choices: &options.choices,
    };
    let mut copy = cleaning.data_set(source, true);
    let pseudonym = id.map_or_else(String::new, |id| {
        keyed_letters(&keys.pseudonyms, "study", &id, PSEUDONYM_LETTERS)
    });
    copy.put_text(tag::PATIENT_NAME, b"PN", &pseudonym);
    copy.put_text(tag::PATIENT_ID, b"LO", &pseudonym);
    copy.put_text(tag::IDENTITY_REMOVED, b"CS", "YES");
    declare(&mut copy, pixels, times, &options.choices);
    copy
}

impl Cleaning<'_> {
    fn data_set<'a>(&self, source: &DataSet<'a>, is_top: bool) -> DataSet<'a> {
        let mut copy = DataSet::new();
        copy.is_big = source.is_big;
        let safe = match self.choices.has(Choice::SafePrivate) {
            true => private::safe(source),
            false => Vec::new(),
        };
        for element in source.elements() {
            let cleaned = match safe.contains(&element.tag) {
                true => self.private(element),
                false => self.element(element, is_top),
            };
            if let Some(element) = cleaned {
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
        let rule = profile::rule(tag, self.kind);
        if let Some(value) = rule.and_then(|rule| self.retained(element, rule)) {
            return with(value);
        }
        match (rule.map(|rule| rule.action), &element.value) {
            (Some(Action::Remove), _) | (_, Value::Fragments(_)) => None,
            (Some(Action::Empty), Value::Items(_)) => with(Value::Items(Vec::new())),
            (Some(Action::Empty), Value::Bytes(_)) => with(empty()),
            (Some(Action::Dummy), Value::Items(items)) => {
                let is_reference = rule.is_some_and(|rule| rule.is_of(Letter::Uid));
                with(self.references(items).filter(|_| is_reference)?)
            }
            (Some(Action::Dummy), Value::Bytes(_)) => {
                with(Value::Bytes(dummy(&vr).to_vec().into()))
            }
            (Some(Action::ReplaceUid) | None, Value::Items(items)) => with(self.items(items)),
            (action, Value::Bytes(bytes)) => match &vr {
                b"UI" => with(self.uids(bytes, action.is_some())),
                b"DA" | b"DT" | b"TM" | b"PN" => None,
                _ => with(self.checked(element, bytes)),
            },
        }
    }

    /// Returns the value of an attribute that an option keeps, in spite of its rule; `None` if none
    /// does.
    fn retained<'a>(&self, element: &Element<'a>, rule: Rule) -> Option<Value<'a>> {
        let is_chosen = |choice: Choice| {
            let letter = choice.letter();
            self.choices.has(choice) && letter.is_some_and(|letter| rule.is_of(letter))
        };
        let vr = &element.vr;
        let is_kept =
            is_chosen(Choice::DeviceIdentity) || is_chosen(Choice::PatientCharacteristics);
        match &element.value {
            Value::Items(items) if is_kept => Some(self.items(items)),
            Value::Items(items) if is_chosen(Choice::Uids) => self.references(items),
            Value::Items(_) => None,
            Value::Bytes(bytes) if is_temporal(vr) => {
                // A device's dates are as long kept as the patient's are.
                let times = match self.times {
                    Times::Removed if is_kept => Times::Kept,
                    times => times,
                };
                let value = times.apply(vr, bytes)?;
                (is_kept || rule.is_of(Letter::Time)).then(|| Value::Bytes(value.into()))
            }
            Value::Bytes(bytes) => {
                let is_time = rule.is_of(Letter::Time) && self.times == Times::Kept;
                let is_text = is_chosen(Choice::CleanDescriptors)
                    && is_text(vr)
                    && descriptors::is_allowed(bytes);
                match vr {
                    b"AS" if is_kept && has_form(vr, bytes) => Some(capped(bytes)),
                    b"UI" if is_kept || is_chosen(Choice::Uids) => {
                        Some(self.uids(bytes, rule.action == Action::ReplaceUid))
                    }
                    b"PN" => None,
                    _ if is_kept || is_time || is_text => Some(self.checked(element, bytes)),
                    _ => None,
                }
            }
            Value::Fragments(_) => None,
        }
    }

    /// Returns a private attribute that the standard lists as safe.
    fn private<'a>(&self, element: &Element<'a>) -> Option<Element<'a>> {
        let Value::Bytes(bytes) = &element.value else {
            return None;
        };
        let value = match &element.vr {
            b"PN" | b"DA" | b"DT" | b"TM" => return None,
            b"UI" => self.uids(bytes, false),
            b"OB" | b"OW" | b"UN" if self.names.are_in(bytes) => return None,
            _ => self.checked(element, bytes),
        };
        Some(Element {
            tag: element.tag,
            vr: element.vr,
            value,
        })
    }

    /// Returns the value of an attribute that stays, or an empty one if it has not the form of its
    /// representation or holds a part of an identifier.
    fn checked<'a>(&self, element: &Element<'a>, bytes: &[u8]) -> Value<'a> {
        let (vr, group) = (&element.vr, element.tag >> 16);
        // Terms and numbers that describe the pixels can't be spared, and hold no names.
        let is_identifying = is_text(vr) && self.names.are_in(bytes)
            || is_term(vr) && group != 0x0028 && self.names.spell(bytes);
        match !has_form(vr, bytes) || is_identifying {
            true => empty(),
            false => element.value.clone(),
        }
    }

    fn items<'a>(&self, items: &[DataSet<'a>]) -> Value<'a> {
        let items = items.iter().filter(|item| !is_local_code(item));
        Value::Items(items.map(|item| self.data_set(item, false)).collect())
    }

    /// Returns the references to other instances in items, and nothing else of them; `None` without
    /// any.
    fn references<'a>(&self, items: &[DataSet<'a>]) -> Option<Value<'a>> {
        let reference = |item: &DataSet<'a>| {
            let mut copy = DataSet::new();
            copy.is_big = item.is_big;
            for tag in [tag::REFERENCED_CLASS, tag::REFERENCED_INSTANCE] {
                copy.put(self.element(item.get(tag)?, false)?);
            }
            Some(copy)
        };
        let items: Vec<_> = items.iter().filter_map(reference).collect();
        (!items.is_empty()).then_some(Value::Items(items))
    }

    /// Replaces UIDs; those of instances even if they are below the root of the standard's own, as
    /// some old programs make them. If UIDs are retained, only values of another form are replaced.
    fn uids(&self, bytes: &[u8], are_instances: bool) -> Value<'static> {
        let are_retained = self.choices.has(Choice::Uids);
        let text = String::from_utf8_lossy(bytes);
        let uids = text.split('\\').map(|uid| uid.trim_matches(['\0', ' ']));
        let uids = uids.map(|uid| match are_instances {
            _ if are_retained && is_uid(uid) => uid.to_owned(),
            true => self.keys.uids.replace_instance(uid),
            false => self.keys.uids.replace(uid),
        });
        let uids = uids.collect::<Vec<String>>().join("\\");
        Value::Bytes(uids.into_bytes().into())
    }
}

/// Reports whether an item is a code of a scheme that is not a published one: a hospital's own
/// codes and their meanings could hold anything.
fn is_local_code(item: &DataSet<'_>) -> bool {
    let scheme = item.text(tag::CODING_SCHEME);
    scheme.is_some_and(|scheme| !SCHEMES.contains(&scheme.as_str()))
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
