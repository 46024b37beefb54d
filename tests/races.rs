//! What events that meet at one object may do to each other, request by request: whatever the order, the outputs are those
//! of the latest.

mod fake;

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use fake::{Fake, Fault, png, png_with};
use http::{Method, Request, Response};
use xray::{
    config::Config,
    error::{Error, Outcome},
    event::ObjectEvent,
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor},
    ports::{Ports, SendError},
    record::process_record,
    report::{Report, Stored},
    text::contract::TextContract,
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";

/// The fake world, in which something happens before the `at`th request.
struct Meeting<'a> {
    store: &'a Fake,
    sent: Cell<usize>,
    at: usize,
    happens: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
    /// What the first GET brings: an old version, which the fake does not keep.
    old_version: Option<(Vec<u8>, String)>,
}

impl<'a> Meeting<'a> {
    fn new(store: &'a Fake, at: usize, happens: impl FnOnce() + 'a) -> Meeting<'a> {
        let happens: Box<dyn FnOnce() + 'a> = Box::new(happens);
        Meeting {
            store,
            sent: Cell::new(0),
            at,
            happens: RefCell::new(Some(happens)),
            old_version: None,
        }
    }

    fn process(&self, event: &ObjectEvent) -> Report {
        let config = Config::from_lookup(|name| self.store.variable(name)).unwrap();
        pollster::block_on(process_record(self, &config, &Ok(event.clone())))
    }
}

impl Ports for Meeting<'_> {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: u64,
    ) -> Result<Response<Bytes>, SendError> {
        self.sent.set(self.sent.get() + 1);
        let happens = if self.sent.get() == self.at {
            self.happens.borrow_mut().take()
        } else {
            None
        };
        if let Some(happens) = happens {
            happens();
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

    fn infer(
        &self,
        model: &str,
        input: &str,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        self.store.infer(model, input, tensor)
    }
}

/// The later event's anonymized copy is stored and its processed object is not; the earlier one, of an older version, comes in
/// between at every point.
#[test]
fn an_earlier_event_never_keeps_the_later_ones_copy() {
    let want = {
        let store = Fake::new(0.97);
        store.process(&store.upload(KEY, 2));
        store.metadata("in-anonymized", &store.keys("in-anonymized")[0])
    };
    for at in 1..=8 {
        let store = Fake::new(0.97);
        let earlier = store.upload(KEY, 1);
        let later = store.upload(KEY, 2);
        let broken = Meeting::new(&store, 6, || store.fail_with(Fault::Down)).process(&later);
        assert_eq!(broken.outcome, Outcome::Retry);
        store.heal();
        assert!(store.keys("in-processed").is_empty());

        let mut meeting = Meeting::new(&store, at, || {
            assert_eq!(store.process(&later).outcome, Outcome::Done);
        });
        meeting.old_version = Some((png(1), earlier.etag.clone().unwrap()));
        meeting.process(&earlier);
        store.process(&later);
        let copies = store.keys("in-anonymized");
        assert_eq!(copies.len(), 1);
        assert_eq!(
            store.metadata("in-anonymized", &copies[0]),
            want,
            "met at request {at}"
        );
    }
}

/// The same bytes come back while those between are at work: equal outputs have equal ETags, so no condition tells.
#[test]
fn bytes_that_come_again_win_over_those_between() {
    let store = Fake::new(0.1);
    store.process(&store.upload(KEY, 1));
    let between = store.upload(KEY, 2);
    Meeting::new(&store, 3, || {
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

/// Work breaks off between the two PUTs, and the object is overwritten with a picture that is not at high risk.
#[test]
fn a_copy_left_by_broken_work_goes_with_the_overwrite() {
    let mut store = Fake::new(0.97);
    let first = store.upload(KEY, 1);
    Meeting::new(&store, 6, || store.fail_with(Fault::Down)).process(&first);
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
    assert_eq!(store.process(&first).reason, Some("changed"));
    assert_eq!(store.process(&second).anonymized, Some(Stored::Removed));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn work_done_again_without_an_event_keeps_the_order() {
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

/// A picture without an event of its own, as `xray reprocess` gives it, is fetched; before its outputs are stored the picture
/// is overwritten and that event handled wholly, at every point.
#[test]
fn work_without_an_event_never_replaces_what_an_event_has_stored_since() {
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
            Meeting::new(&store, at, || {
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
            assert_eq!(got, want, "made before: {made_before}, met at request {at}");
        }
        assert!(met >= 6, "it was met {met} times");
    }
}

/// The source is gone, and while its outputs are removed a new one comes and is handled wholly, at every point.
#[test]
fn a_removal_never_takes_the_outputs_of_a_new_source() {
    let mut met = 0;
    for at in 1..=12 {
        let mut store = Fake::new(0.97);
        store.set("remove_outputs", "true");
        store.process(&store.upload(KEY, 1));
        store.remove("in", KEY);
        let removal = store.event("in", KEY, "ObjectRemoved:Delete", 2);
        let happened = Cell::new(false);
        Meeting::new(&store, at, || {
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
        assert_eq!(stored["xray-source-etag"], source, "met at request {at}");
        assert_eq!(store.keys("in-anonymized").len(), 1, "met at request {at}");
    }
    assert!(met >= 5, "it was met {met} times");
}

/// Redelivered after work without an event has made newer outputs, an event does not bring back what it was about.
#[test]
fn an_event_that_comes_again_does_not_undo_work_without_one() {
    let store = Fake::new(0.97);
    let first = store.upload(KEY, 1);
    store.process(&first);
    let second = ObjectEvent {
        sequencer: None,
        ..store.upload(KEY, 2)
    };
    assert_eq!(store.process(&second).outcome, Outcome::Done);
    assert_eq!(store.process(&first).reason, Some("stale"));
}

#[test]
fn a_folder_marker_is_nothing_to_do() {
    let store = Fake::new(0.1);
    let report = store.process(&store.upload_bytes("ward/", vec![], 1));
    assert_eq!((report.outcome, store.requests()), (Outcome::Skipped, 0));
}

/// One version of a picture is clean and the other is not; the later one comes in between at every point.
#[test]
fn a_copy_is_kept_where_the_later_picture_belongs() {
    const FAINT: u8 = 150;
    let clean = || png_with(&[]);
    let unclean = || png_with(&[([152, 40, 16, 8], FAINT)]);
    let (anonymized, quarantine) = ("in-anonymized", "in-quarantine");
    for (first, second, holds, empty) in [
        (clean(), unclean(), quarantine, anonymized),
        (unclean(), clean(), anonymized, quarantine),
    ] {
        let mut met = 0;
        for at in 1..=16 {
            let mut store = Fake::new(0.97);
            store.finds.as_mut().unwrap().faint.push(FAINT);
            let earlier = store.upload_bytes(KEY, first.clone(), 1);
            let later = store.upload_bytes(KEY, second.clone(), 2);
            let happened = Cell::new(false);
            let mut meeting = Meeting::new(&store, at, || {
                happened.set(true);
                let outcome = store.process(&later).outcome;
                assert!(matches!(outcome, Outcome::Done | Outcome::Quarantined));
            });
            meeting.old_version = Some((first.clone(), earlier.etag.clone().unwrap()));
            meeting.process(&earlier);
            if !happened.get() {
                break;
            }
            met += 1;
            assert_eq!(store.keys(empty), [""; 0], "{empty}, met at request {at}");
            assert_eq!(store.keys(holds).len(), 1, "{holds}, met at request {at}");
        }
        assert!(met >= 6, "it was met {met} times");
    }
}
