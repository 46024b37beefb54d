//! Events that meet at one object, request by request: whatever the order, the outputs are those of
//! the latest.

mod fake;

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use fake::{Fake, Fault, png, png_with};
use http::{Method, Request, Response};
use xray::{
    config::Config,
    error::{Error, Outcome, Reason},
    event::ObjectEvent,
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor},
    ports::{Ports, SendError},
    record::process_record,
    report::{Report, Stored},
    store::hold::{hold_key, is_hold},
    text::{contract::TextContract, marker_contract::MarkerContract},
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";

type Action<'a> = Box<dyn FnOnce() + 'a>;

/// The fake store, with actions before requests, by their numbers.
struct Interleaved<'a> {
    store: &'a Fake,
    sent: Cell<usize>,
    actions: RefCell<Vec<(usize, Action<'a>)>>,
    /// Response to the first GET: an old version, which the fake does not keep.
    old_version: Option<(Vec<u8>, String)>,
}

impl<'a> Interleaved<'a> {
    fn new(store: &'a Fake, at: usize, action: impl FnOnce() + 'a) -> Interleaved<'a> {
        Interleaved {
            store,
            sent: Cell::new(0),
            actions: RefCell::new(vec![(at, Box::new(action))]),
            old_version: None,
        }
    }

    /// Adds an action, behind the others of its request.
    fn and(self, at: usize, action: impl FnOnce() + 'a) -> Interleaved<'a> {
        self.actions.borrow_mut().push((at, Box::new(action)));
        self
    }

    fn process(&self, event: &ObjectEvent) -> Report {
        let config = Config::from_lookup(|name| self.store.variable(name)).unwrap();
        pollster::block_on(process_record(self, &config, &Ok(event.clone())))
    }
}

impl Ports for Interleaved<'_> {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: u64,
    ) -> Result<Response<Bytes>, SendError> {
        self.sent.set(self.sent.get() + 1);
        let due = |(at, _): &mut (usize, Action<'_>)| *at == self.sent.get();
        let due: Vec<_> = self.actions.borrow_mut().extract_if(.., due).collect();
        for (_, action) in due {
            action();
        }
        match &self.old_version {
            Some((bytes, etag)) if request.method() == Method::GET && self.sent.get() == 2 => {
                Ok(Response::builder()
                    .header("etag", etag)
                    .body(bytes.clone().into())
                    .unwrap())
            }
            _ => self.store.send(request, limit).await,
        }
    }

    fn now(&self) -> jiff::Timestamp {
        self.store.now()
    }

    fn elapsed(&self) -> std::time::Duration {
        self.store.elapsed()
    }

    fn contract(&self, model: &str) -> Result<Contract, Error> {
        self.store.contract(model)
    }

    fn text_contract(&self, model: &str) -> Result<TextContract, Error> {
        self.store.text_contract(model)
    }

    fn marker_contract(&self, model: &str) -> Result<MarkerContract, Error> {
        self.store.marker_contract(model)
    }

    fn infer(
        &self,
        model: &str,
        input: &str,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        self.store.infer(model, input, tensor)
    }
}

/// The later event's anonymized copy is stored and its processed object is not. The earlier event,
/// of an older version, interleaves at every point.
#[test]
fn earlier_event_never_replaces_the_copy_of_a_later_one() {
    let want = {
        let store = Fake::new(0.97);
        store.process(&store.upload(KEY, 2));
        store.metadata("in-anonymized", &store.keys("in-anonymized")[0])
    };
    for at in 1..=9 {
        let store = Fake::new(0.97);
        let earlier = store.upload(KEY, 1);
        let later = store.upload(KEY, 2);
        let broken = Interleaved::new(&store, 7, || store.fail_with(Fault::Down)).process(&later);
        assert_eq!(broken.outcome, Outcome::Retry);
        store.heal();
        assert!(store.keys("in-processed").is_empty());

        let mut interleaved = Interleaved::new(&store, at, || {
            assert_eq!(store.process(&later).outcome, Outcome::Done);
        });
        interleaved.old_version = Some((png(1), earlier.etag.clone().unwrap()));
        interleaved.process(&earlier);
        store.process(&later);
        let copies = store.keys("in-anonymized");
        assert_eq!(copies.len(), 1);
        assert_eq!(
            store.metadata("in-anonymized", &copies[0]),
            want,
            "interleaved at request {at}"
        );
    }
}

/// The same bytes are uploaded again while an event in between is in flight. Equal outputs have
/// equal ETags, so no condition detects it.
#[test]
fn reuploaded_bytes_win_over_the_event_in_between() {
    let store = Fake::new(0.1);
    store.process(&store.upload(KEY, 1));
    let between = store.upload(KEY, 2);
    Interleaved::new(&store, 3, || {
        let again = store.upload_bytes(KEY, png(1), 3);
        assert_eq!(store.process(&again).outcome, Outcome::Done);
    })
    .process(&between);
    let source = store.event("in", KEY, "ObjectCreated:Put", 3).etag.unwrap();
    assert_eq!(
        store.metadata("in-processed", PROCESSED)["xray-source-etag"],
        source
    );
}

/// The function is interrupted between the two PUTs, and the object is overwritten with a picture
/// that is not at high risk.
#[test]
fn overwrite_removes_a_copy_left_by_an_interrupted_attempt() {
    let mut store = Fake::new(0.97);
    let first = store.upload(KEY, 1);
    Interleaved::new(&store, 7, || store.fail_with(Fault::Down)).process(&first);
    store.heal();
    assert_eq!(
        (
            store.keys("in-anonymized").len(),
            store.keys("in-processed").len()
        ),
        (1, 0)
    );
    let second = store.upload(KEY, 2);
    store.set_risk(0.1);
    assert_eq!(store.process(&first).reason, Some(Reason::Changed));
    assert_eq!(store.process(&second).anonymized, Some(Stored::Removed));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn reprocessing_without_an_event_keeps_the_sequencer() {
    let mut store = Fake::new(0.1);
    let event = store.upload(KEY, 9);
    store.process(&event);
    let order = store.metadata("in-processed", PROCESSED)["xray-sequencer"].clone();
    store.set_model("1".repeat(64));
    assert_eq!(
        store
            .process(&ObjectEvent {
                sequencer: None,
                ..event
            })
            .outcome,
        Outcome::Done
    );
    assert_eq!(
        store.metadata("in-processed", PROCESSED)["xray-sequencer"],
        order
    );
}

/// A picture is fetched without an event of its own, as by `xray reprocess`. Before its outputs are
/// stored the picture is overwritten and that event is processed completely, at every point.
#[test]
fn reprocessing_never_replaces_outputs_of_an_event_that_came_since() {
    for made_before in [false, true] {
        let mut met = 0;
        for at in 1..=12 {
            let mut store = Fake::new(0.97);
            let first = store.upload(KEY, 1);
            if made_before {
                store.process(&first);
                store.set_model("1".repeat(64));
            }
            let listed = ObjectEvent {
                sequencer: None,
                ..first
            };
            let happened = Cell::new(false);
            Interleaved::new(&store, at, || {
                happened.set(true);
                assert_eq!(store.process(&store.upload(KEY, 2)).outcome, Outcome::Done);
            })
            .process(&listed);
            if !happened.get() {
                break;
            }
            met += 1;
            let want = {
                let mut store = Fake::new(0.97);
                if made_before {
                    store.set_model("1".repeat(64));
                }
                let second = store.upload(KEY, 2);
                store.process(&second);
                let copies = store.keys("in-anonymized");
                (
                    store.metadata("in-processed", PROCESSED),
                    store.metadata("in-anonymized", &copies[0]),
                )
            };
            let copies = store.keys("in-anonymized");
            assert_eq!(copies.len(), 1);
            let got = (
                store.metadata("in-processed", PROCESSED),
                store.metadata("in-anonymized", &copies[0]),
            );
            assert_eq!(
                got, want,
                "made before: {made_before}, interleaved at request {at}"
            );
        }
        assert!(met >= 6, "interleaved {met} times");
    }
}

/// The source is gone, and while its outputs are removed a new one is stored and processed
/// completely, at every point.
#[test]
fn removal_never_removes_outputs_of_a_new_source() {
    let mut met = 0;
    for at in 1..=12 {
        let mut store = Fake::new(0.97);
        store.set("remove_outputs", "true");
        store.process(&store.upload(KEY, 1));
        store.remove("in", KEY);
        let removal = store.event("in", KEY, "ObjectRemoved:Delete", 2);
        let happened = Cell::new(false);
        Interleaved::new(&store, at, || {
            happened.set(true);
            assert_eq!(store.process(&store.upload(KEY, 3)).outcome, Outcome::Done);
        })
        .process(&removal);
        if !happened.get() {
            break;
        }
        met += 1;
        let source = store.event("in", KEY, "ObjectCreated:Put", 3).etag.unwrap();
        let stored = store.metadata("in-processed", PROCESSED);
        assert_eq!(
            stored["xray-source-etag"], source,
            "interleaved at request {at}"
        );
        assert_eq!(
            store.keys("in-anonymized").len(),
            1,
            "interleaved at request {at}"
        );
    }
    assert!(met >= 5, "interleaved {met} times");
}

/// An event that is redelivered after `xray reprocess` made newer outputs does not restore the old
/// ones.
#[test]
fn redelivered_event_does_not_undo_reprocessing() {
    let store = Fake::new(0.97);
    let first = store.upload(KEY, 1);
    store.process(&first);
    let second = ObjectEvent {
        sequencer: None,
        ..store.upload(KEY, 2)
    };
    assert_eq!(store.process(&second).outcome, Outcome::Done);
    assert_eq!(store.process(&first).reason, Some(Reason::Stale));
}

#[test]
fn folder_marker_is_skipped() {
    let store = Fake::new(0.1);
    let report = store.process(&store.upload_bytes("ward/", vec![], 1));
    assert_eq!((report.outcome, store.requests()), (Outcome::Skipped, 0));
}

/// One version of a picture is clean and the other is not. The later one interleaves at every
/// point.
#[test]
fn copy_ends_in_the_bucket_of_the_later_picture() {
    const LOW: u8 = 150;
    let clean = || png_with(&[]);
    let unclean = || png_with(&[[96, 16, 16, 8], [152, 40, 16, 8]].map(|place| (place, LOW)));
    let (anonymized, quarantine) = ("in-anonymized", "in-quarantine");
    for (first, second, holds, empty) in [
        (clean(), unclean(), quarantine, anonymized),
        (unclean(), clean(), anonymized, quarantine),
    ] {
        let mut met = 0;
        for at in 1..=16 {
            let mut store = Fake::new(0.97);
            store.finds.as_mut().unwrap().low.push(LOW);
            let earlier = store.upload_bytes(KEY, first.clone(), 1);
            let later = store.upload_bytes(KEY, second.clone(), 2);
            let happened = Cell::new(false);
            let mut interleaved = Interleaved::new(&store, at, || {
                happened.set(true);
                let outcome = store.process(&later).outcome;
                assert!(matches!(outcome, Outcome::Done | Outcome::Quarantined));
            });
            interleaved.old_version = Some((first.clone(), earlier.etag.clone().unwrap()));
            interleaved.process(&earlier);
            if !happened.get() {
                break;
            }
            met += 1;
            assert_eq!(
                store.keys(empty),
                [""; 0],
                "{empty}, interleaved at request {at}"
            );
            assert_eq!(
                store.keys(holds).len(),
                1,
                "{holds}, interleaved at request {at}"
            );
        }
        assert!(met >= 6, "interleaved {met} times");
    }
}

/// Returns the key of the only copy in quarantine, and of the hold on its source.
fn quarantined(store: &Fake) -> Option<(String, String)> {
    let keys = store.keys("in-quarantine");
    let copy = keys.into_iter().find(|key| !is_hold(key))?;
    let source = store.metadata("in-quarantine", &copy)["xray-source"].clone();
    Some((copy, hold_key(&source)))
}

/// A reviewer rejects the copy in quarantine while the picture is processed again under settings
/// with which it is clean. The hold is stored before one request and the copy removed before a
/// later one, at every pair of points.
#[test]
fn rejected_copy_is_never_published_by_an_event_at_the_same_time() {
    const LOW: u8 = 150;
    let (mut met, mut rejected) = (0, 0);
    for at in 1..=16 {
        for until in at..=16 {
            let mut store = Fake::new(0.97);
            store.finds.as_mut().unwrap().low.push(LOW);
            let unclean = png_with(&[[96, 16, 16, 8], [152, 40, 16, 8]].map(|place| (place, LOW)));
            let event = store.upload_bytes(KEY, unclean, 1);
            assert_eq!(store.process(&event).outcome, Outcome::Quarantined);
            let (copy, hold) = quarantined(&store).unwrap();
            store.finds.as_mut().unwrap().low.clear();
            store.set_model("1".repeat(64));

            // As `Bucket::reject` of the page: a look, the hold, another look, the removal.
            let is_there = || store.has("in-quarantine", &copy);
            let (held, done) = (Cell::new(false), Cell::new(false));
            let both = Interleaved::new(&store, at, || {
                if is_there() {
                    store.put("in-quarantine", &hold, b"rejected");
                    held.set(true);
                }
            })
            .and(until, || {
                if held.get() && is_there() {
                    store.remove("in-quarantine", &copy);
                    done.set(true);
                }
            });
            both.process(&event);
            if both.sent.get() < until {
                break;
            }
            met += 1;
            if done.get() {
                rejected += 1;
                assert_eq!(store.keys("in-anonymized"), [""; 0], "{at} {until}");
            }
        }
    }
    assert!(met >= 30 && rejected >= 10, "{met} {rejected}");
}

/// The source is removed while a reviewer's release of its copy takes effect, at every pair of
/// points: no copy stays published.
#[test]
fn released_copy_of_a_removed_source_never_stays() {
    const LOW: u8 = 150;
    let (mut met, mut moved) = (0, 0);
    for at in 1..=16 {
        for until in at..=16 {
            let mut store = Fake::new(0.97);
            store.set("remove_outputs", "true");
            store.finds.as_mut().unwrap().low.push(LOW);
            let unclean = png_with(&[[96, 16, 16, 8], [152, 40, 16, 8]].map(|place| (place, LOW)));
            store.process(&store.upload_bytes(KEY, unclean, 1));
            let (copy, _) = quarantined(&store).unwrap();
            store.remove("in", KEY);
            let removal = store.event("in", KEY, "ObjectRemoved:Delete", 2);

            // As `Bucket::release` of the page: a PUT, and then a look and a DELETE.
            let released = Cell::new(false);
            let both = Interleaved::new(&store, at, || {
                if store.has("in-quarantine", &copy) {
                    store.copy("in-quarantine", "in-anonymized", &copy);
                    released.set(true);
                }
            })
            .and(until, || match released.get() {
                true if store.has("in-quarantine", &copy) => {
                    store.remove("in-quarantine", &copy);
                    moved += 1;
                }
                true => store.remove("in-anonymized", &copy),
                false => {}
            });
            both.process(&removal);
            if both.sent.get() < until {
                break;
            }
            drop(both);
            met += 1;
            for bucket in ["in-anonymized", "in-quarantine"] {
                assert_eq!(store.keys(bucket), [""; 0], "{bucket} {at} {until}");
            }
        }
    }
    assert!(met >= 20 && moved >= 10, "{met} {moved}");
}
