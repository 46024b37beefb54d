//! Protocol data units (PS3.8, 9.3).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

pub(super) const ASSOCIATE_RQ: u8 = 1;
pub(super) const ASSOCIATE_AC: u8 = 2;
pub(super) const ASSOCIATE_RJ: u8 = 3;
pub(super) const DATA: u8 = 4;
pub(super) const RELEASE_RQ: u8 = 5;
pub(super) const RELEASE_RP: u8 = 6;
pub(super) const ABORT: u8 = 7;

/// The longest unit of data that peers may send; they are told so.
pub(super) const MAX_DATA: u32 = 128 << 10;
/// Room for a request with all presentation contexts that there can be.
const MAX_OTHER: u32 = 1 << 20;

/// A unit: its type and its content.
pub(super) struct Pdu {
    pub(super) kind: u8,
    pub(super) content: Vec<u8>,
}

/// A part of a message.
pub(super) struct Fragment<'a> {
    pub(super) context: u8,
    pub(super) is_command: bool,
    pub(super) is_last: bool,
    pub(super) bytes: &'a [u8],
}

/// Reads a unit; `None` at the end of the connection.
///
/// # Errors
/// The connection's, and `InvalidData` for a unit that is too long.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Pdu>> {
    let mut header = [0; 6];
    match stream.read_exact(&mut header).await {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let [kind, _, length @ ..] = header;
    let length = u32::from_be_bytes(length);
    let most = if kind == DATA {
        MAX_DATA + 64
    } else {
        MAX_OTHER
    };
    if length > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a unit is too long",
        ));
    }
    let mut content = vec![0; length as usize];
    stream.read_exact(&mut content).await?;
    Ok(Some(Pdu { kind, content }))
}

/// Returns a unit's bytes.
pub(super) fn written(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0];
    out.extend((content.len() as u32).to_be_bytes());
    out.extend(content);
    out
}

/// Returns the parts in a unit of data; `None` if they don't fit it.
pub(super) fn fragments(mut content: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (length, rest) = content.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let (&[context, control], bytes) = part.split_first_chunk()?;
        found.push(Fragment {
            context,
            is_command: control & 1 != 0,
            is_last: control & 2 != 0,
            bytes,
        });
        content = rest;
    }
    Some(found)
}

/// Returns the units that carry a command, cut so that none is longer than the peer takes.
pub(super) fn commands(context: u8, command: &[u8], longest: u32) -> Vec<u8> {
    let room = (longest.max(64) as usize - 6).min(MAX_DATA as usize);
    let mut out = Vec::new();
    let count = command.chunks(room).count();
    for (number, part) in (1..).zip(command.chunks(room)) {
        let mut content = ((part.len() + 2) as u32).to_be_bytes().to_vec();
        content.extend([context, if number == count { 3 } else { 1 }]);
        content.extend(part);
        out.extend(written(DATA, &content));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_cut_to_what_the_peer_takes() {
        let command: Vec<u8> = (0..200).collect();
        let mut units = &commands(3, &command, 70)[..];
        let (mut joined, mut ends) = (Vec::new(), Vec::new());
        while !units.is_empty() {
            let length = u32::from_be_bytes(*units[2..].first_chunk().unwrap()) as usize;
            assert!(length <= 70);
            for part in fragments(&units[6..6 + length]).unwrap() {
                assert!(part.is_command && part.context == 3);
                joined.extend(part.bytes);
                ends.push(part.is_last);
            }
            units = &units[6 + length..];
        }
        assert_eq!((joined, ends), (command, vec![false, false, false, true]));
    }

    #[test]
    fn parts_beyond_their_unit_are_refused() {
        for content in [
            &[0, 0, 0][..],
            &[0, 0, 0, 9, 1, 0],
            &[0, 0, 0, 1, 1],
            &[0xFF; 8],
        ] {
            assert!(fragments(content).is_none(), "{content:?}");
        }
        assert!(fragments(&[]).is_some_and(|parts| parts.is_empty()));
    }
}
