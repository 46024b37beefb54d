//! Requests for associations (PS3.8, 9.3.2), and the decision about them.

use super::pdu;

const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
const IMPLEMENTATION: &str = "2.25.183702591437201962441702894561183201177";
const IMPLEMENTATION_NAME: &str = "XRAY";
const VERIFICATION: &str = "1.2.840.10008.1.1";

/// Classes of the objects that the function reads.
const CLASSES: [&str; 3] = [
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
];

/// Transfer syntaxes of the objects that the function reads. Of those that a peer proposes for a
/// context its first is taken, so that it need not convert.
const SYNTAXES: [&str; 13] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
];

/// A presentation context that a peer proposes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Context {
    id: u8,
    class: String,
    syntaxes: Vec<String>,
}

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    titles: [u8; 32],
    application: String,
    contexts: Vec<Context>,
    /// The longest unit that the peer takes; zero for any.
    longest: u32,
}

/// Titles that the node accepts.
#[derive(Debug, Clone)]
pub struct Titles {
    /// The title that peers must call.
    pub own: String,
    /// Titles of peers that may call; all if there are none.
    pub peers: Vec<String>,
}

/// An accepted context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) id: u8,
    pub(super) class: String,
    pub(super) syntax: String,
}

/// An association.
#[derive(Debug, Clone)]
pub(super) struct Association {
    /// The peer's title.
    pub(super) peer: String,
    pub(super) contexts: Vec<Accepted>,
    /// The longest unit that the peer takes.
    pub(super) longest: u32,
}

/// A rejection: its result, source and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rejection(pub(super) [u8; 3]);

impl Rejection {
    const CONTEXT: Rejection = Rejection([1, 1, 2]);
    const CALLING: Rejection = Rejection([1, 1, 3]);
    const CALLED: Rejection = Rejection([1, 1, 7]);
    /// Too many associations for the moment.
    pub(super) const BUSY: Rejection = Rejection([2, 3, 2]);

    pub(super) fn unit(self) -> Vec<u8> {
        let [result, source, reason] = self.0;
        pdu::written(pdu::ASSOCIATE_RJ, &[0, result, source, reason])
    }
}

/// Returns the items of a unit; `None` if they don't fit it.
fn items(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (&[kind, _, high, low], rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (item, rest) = rest.split_at_checked(length)?;
        found.push((kind, item));
        bytes = rest;
    }
    Some(found)
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_matches([' ', '\0']).to_owned()
}

impl Request {
    /// Reads a request; `None` if it is faulty.
    pub(super) fn read(content: &[u8]) -> Option<Request> {
        let mut request = Request {
            titles: *content.get(4..36)?.first_chunk()?,
            ..Request::default()
        };
        for (kind, item) in items(content.get(68..)?)? {
            match kind {
                0x10 => request.application = text(item),
                0x20 => {
                    let mut context = Context {
                        id: *item.first()?,
                        ..Context::default()
                    };
                    for (kind, item) in items(item.get(4..)?)? {
                        match kind {
                            0x30 => context.class = text(item),
                            0x40 => context.syntaxes.push(text(item)),
                            _ => {}
                        }
                    }
                    request.contexts.push(context);
                }
                0x50 => {
                    let longest = items(item)?.into_iter().find(|(kind, _)| *kind == 0x51);
                    let longest = longest.and_then(|(_, item)| item.first_chunk());
                    request.longest = longest.map_or(0, |bytes| u32::from_be_bytes(*bytes));
                }
                _ => {}
            }
        }
        Some(request)
    }

    /// Decides about the request.
    ///
    /// # Errors
    /// The rejection.
    pub(super) fn decide(&self, titles: &Titles) -> Result<Association, Rejection> {
        let (called, peer) = (text(&self.titles[..16]), text(&self.titles[16..]));
        if self.application != APPLICATION_CONTEXT {
            return Err(Rejection::CONTEXT);
        }
        if called != titles.own {
            return Err(Rejection::CALLED);
        }
        if !titles.peers.is_empty() && !titles.peers.contains(&peer) {
            return Err(Rejection::CALLING);
        }
        let contexts = self.contexts.iter().filter_map(|context| {
            context.syntax().map(|syntax| Accepted {
                id: context.id,
                class: context.class.clone(),
                syntax: syntax.to_owned(),
            })
        });
        Ok(Association {
            peer,
            contexts: contexts.collect(),
            longest: match self.longest {
                0 => u32::MAX,
                longest => longest,
            },
        })
    }

    /// Returns the unit that accepts the request.
    pub(super) fn acceptance(&self) -> Vec<u8> {
        let mut out = vec![0, 1, 0, 0];
        out.extend(self.titles);
        out.extend([0; 32]);
        item(&mut out, 0x10, APPLICATION_CONTEXT.as_bytes());
        for context in &self.contexts {
            let (result, syntax) = match context.syntax() {
                Some(syntax) => (0, syntax),
                None if context.is_known() => (4, SYNTAXES[0]),
                None => (3, SYNTAXES[0]),
            };
            let mut content = vec![context.id, 0, result, 0];
            item(&mut content, 0x40, syntax.as_bytes());
            item(&mut out, 0x21, &content);
        }
        let mut user = Vec::new();
        item(&mut user, 0x51, &pdu::MAX_DATA.to_be_bytes());
        item(&mut user, 0x52, IMPLEMENTATION.as_bytes());
        item(&mut user, 0x55, IMPLEMENTATION_NAME.as_bytes());
        item(&mut out, 0x50, &user);
        pdu::written(pdu::ASSOCIATE_AC, &out)
    }
}

impl Context {
    fn is_known(&self) -> bool {
        self.class == VERIFICATION || CLASSES.contains(&self.class.as_str())
    }

    /// Returns the syntax that is accepted; `None` if the context is not.
    fn syntax(&self) -> Option<&str> {
        let known = self
            .syntaxes
            .iter()
            .find(|s| SYNTAXES.contains(&s.as_str()));
        known.map(String::as_str).filter(|_| self.is_known())
    }
}

fn item(out: &mut Vec<u8>, kind: u8, content: &[u8]) {
    out.extend([kind, 0]);
    out.extend((content.len() as u16).to_be_bytes());
    out.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(called: &str, calling: &str, contexts: &[(u8, &str, &[&str])]) -> Vec<u8> {
        let mut out = vec![0, 1, 0, 0];
        out.extend(format!("{called:<16}{calling:<16}").bytes());
        out.extend([0; 32]);
        item(&mut out, 0x10, APPLICATION_CONTEXT.as_bytes());
        for (id, class, syntaxes) in contexts {
            let mut content = vec![*id, 0, 0, 0];
            item(&mut content, 0x30, class.as_bytes());
            for syntax in *syntaxes {
                item(&mut content, 0x40, syntax.as_bytes());
            }
            item(&mut out, 0x20, &content);
        }
        let mut user = Vec::new();
        item(&mut user, 0x51, &16384u32.to_be_bytes());
        item(&mut out, 0x50, &user);
        out
    }

    #[test]
    fn contexts_of_other_classes_and_syntaxes_are_not_accepted() {
        let contexts = [
            (1, VERIFICATION, &["1.2.840.10008.1.2"][..]),
            (
                3,
                CLASSES[1],
                &["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.70"],
            ),
            (5, CLASSES[1], &["1.2.840.10008.1.2.4.201"]),
            (7, "1.2.840.10008.5.1.4.1.1.2", &["1.2.840.10008.1.2"]),
        ];
        let request = Request::read(&request("XRAY", "CR1", &contexts)).unwrap();
        let titles = Titles {
            own: "XRAY".into(),
            peers: Vec::new(),
        };
        let association = request.decide(&titles).unwrap();
        assert_eq!(
            (association.peer.as_str(), association.longest),
            ("CR1", 16384)
        );
        let ids: Vec<u8> = association.contexts.iter().map(|c| c.id).collect();
        assert_eq!(ids, [1, 3]);
        assert_eq!(association.contexts[1].syntax, "1.2.840.10008.1.2.4.70");
        let acceptance = request.acceptance();
        let results: Vec<u8> = items(&acceptance[6 + 68..])
            .unwrap()
            .iter()
            .filter(|(kind, _)| *kind == 0x21)
            .map(|(_, item)| item[2])
            .collect();
        assert_eq!(results, [0, 0, 4, 3]);
    }

    #[test]
    fn other_titles_are_rejected() {
        let of = |called, calling, peers: &[&str]| {
            let titles = Titles {
                own: "XRAY".into(),
                peers: peers.iter().map(|p| (*p).to_owned()).collect(),
            };
            Request::read(&request(called, calling, &[]))
                .unwrap()
                .decide(&titles)
                .err()
        };
        assert_eq!(of("XRAY", "CR1", &[]), None);
        assert_eq!(of("OTHER", "CR1", &[]), Some(Rejection::CALLED));
        assert_eq!(of("XRAY", "CR1", &["CR2", "CR1"]), None);
        assert_eq!(of("XRAY", "CR1", &["CR2"]), Some(Rejection::CALLING));
    }

    #[test]
    fn requests_that_are_cut_off_are_refused() {
        let whole = request("XRAY", "CR1", &[(1, VERIFICATION, &["1.2.840.10008.1.2"])]);
        assert!(Request::read(&whole).is_some());
        for length in [0, 40, 67, 70, whole.len() - 1] {
            assert!(Request::read(&whole[..length]).is_none(), "{length}");
        }
    }
}
