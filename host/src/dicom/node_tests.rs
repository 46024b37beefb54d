//! Conversations over a stream in memory, right ones and damaged ones.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, duplex};

use super::*;

#[path = "../../../src/mutate.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod mutate;

const VERIFICATION: &str = "1.2.840.10008.1.1";
const CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const IMPLICIT: &str = "1.2.840.10008.1.2";

/// Keeps the data of what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl Storage for Kept {
    async fn store(&self, object: Received) -> Status {
        self.0.lock().unwrap().push(object.data);
        Status::SUCCESS
    }
}

fn settings() -> Settings {
    Settings {
        titles: Titles {
            own: "XRAY".into(),
            peers: Vec::new(),
        },
        max_bytes: 1000,
        idle: Duration::from_secs(5),
    }
}

fn item(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    [&[kind, 0], &length[..], content].concat()
}

fn request() -> Vec<u8> {
    let context = |id: u8, class: &str| {
        let items = [
            item(0x30, class.as_bytes()),
            item(0x40, IMPLICIT.as_bytes()),
        ]
        .concat();
        item(0x20, &[&[id, 0, 0, 0][..], &items].concat())
    };
    let mut content = vec![0, 1, 0, 0];
    content.extend(format!("{:<16}{:<16}", "XRAY", "CR1").bytes());
    content.extend([0; 32]);
    content.extend(item(0x10, b"1.2.840.10008.3.1.1.1"));
    content.extend(context(1, VERIFICATION));
    content.extend(context(3, CAPTURE));
    content.extend(item(0x50, &item(0x51, &16384u32.to_be_bytes())));
    pdu::written(pdu::ASSOCIATE_RQ, &content)
}

/// Returns the units of a command and its data, in parts of so many bytes.
fn message(context: u8, field: u16, class: &str, data: Option<&[u8]>, size: usize) -> Vec<u8> {
    let mut command = Vec::new();
    for (element, value) in [
        (0x0002u16, class.as_bytes()),
        (0x0100, &field.to_le_bytes()),
        (0x0110, &[7, 0]),
        (0x0800, if data.is_some() { &[0, 0] } else { &[1, 1] }),
        (0x1000, b"1.2.3."),
    ] {
        command.extend([0, 0]);
        command.extend(element.to_le_bytes());
        command.extend((value.len() as u32).to_le_bytes());
        command.extend(value);
    }
    let part = |control: u8, bytes: &[u8]| {
        let length = (bytes.len() as u32 + 2).to_be_bytes();
        pdu::written(
            pdu::DATA,
            &[&length[..], &[context, control], bytes].concat(),
        )
    };
    let mut units = part(3, &command);
    let chunks: Vec<&[u8]> = data.map_or(Vec::new(), |data| data.chunks(size).collect());
    for (number, chunk) in (1..).zip(&chunks) {
        units.extend(part(if number == chunks.len() { 2 } else { 0 }, chunk));
    }
    units
}

/// Has a whole conversation, and returns its result and the node's units.
async fn talk(said: &[u8], kept: &Kept) -> (io::Result<Summary>, Vec<u8>) {
    let (mut peer, node) = duplex(1 << 20);
    peer.write_all(said).await.unwrap();
    peer.shutdown().await.unwrap();
    let result = serve(node, &settings(), kept, true).await;
    let mut heard = Vec::new();
    peer.read_to_end(&mut heard).await.unwrap();
    (result, heard)
}

fn conversation() -> Vec<u8> {
    [
        request(),
        message(1, ECHO, VERIFICATION, None, 1),
        message(3, STORE, CAPTURE, Some(&[5; 900]), 100),
        message(3, STORE, CAPTURE, Some(&[6; 1001]), 1001),
        message(3, 0x0020, CAPTURE, Some(&[7; 10]), 10),
        pdu::written(pdu::RELEASE_RQ, &[0; 4]),
    ]
    .concat()
}

#[tokio::test]
async fn statuses_are_those_of_the_objects() {
    let kept = Kept::default();
    let (result, heard) = talk(&conversation(), &kept).await;
    let expect = Summary {
        peer: "CR1".into(),
        stored: 1,
        failed: 1,
    };
    assert_eq!(result.unwrap(), expect);
    assert_eq!(*kept.0.lock().unwrap(), [vec![5; 900]]);
    let status = |status: u16| {
        let element = [&[0, 0, 0, 9, 2, 0, 0, 0][..], &status.to_le_bytes()].concat();
        heard
            .windows(element.len())
            .filter(|part| *part == element)
            .count()
    };
    let counts = [Status::SUCCESS, Status::TOO_LARGE, Status::UNRECOGNIZED].map(|s| status(s.0));
    assert_eq!(counts, [2, 1, 1]);
    assert_eq!(
        (heard[0], &heard[heard.len() - 10..][..1]),
        (pdu::ASSOCIATE_AC, &[pdu::RELEASE_RP][..])
    );
}

#[tokio::test]
async fn peers_that_break_the_protocol_are_cut_off() {
    let early = message(1, ECHO, VERIFICATION, None, 1);
    let other = [request(), message(9, ECHO, VERIFICATION, None, 1)].concat();
    let long = [&[pdu::DATA, 0][..], &u32::MAX.to_be_bytes()].concat();
    let long = [request(), long].concat();
    for said in [early, other, long] {
        let (result, heard) = talk(&said, &Kept::default()).await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(heard[heard.len() - 10], pdu::ABORT);
    }
}

#[tokio::test(start_paused = true)]
async fn connection_is_closed_by_the_peer_first() {
    let mut other = request();
    other[10] = b'-';
    for said in [other, conversation()] {
        let (mut peer, node) = duplex(1 << 20);
        peer.write_all(&said).await.unwrap();
        let serving = tokio::spawn(async move {
            let result = serve(node, &settings(), &Kept::default(), true).await;
            result.unwrap();
        });
        tokio::time::sleep(FAREWELL / 2).await;
        assert!(!serving.is_finished());
        peer.write_all(&[0; 10]).await.unwrap();
        peer.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(serving.is_finished());
    }
    let (mut peer, node) = duplex(1 << 20);
    peer.write_all(&conversation()).await.unwrap();
    serve(node, &settings(), &Kept::default(), true)
        .await
        .unwrap();
}

#[test]
fn damaged_conversations_never_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let whole = conversation();
    mutate::rounds(3000, |rng| {
        let said = mutate::mutate(rng, whole.clone(), &["\u{0}\u{1}", "\u{7f}\u{7f}"]);
        let _ = runtime.block_on(talk(&said, &Kept::default()));
    });
}
