//! Command sets (PS3.7, 9.3 and E.1): elements of group 0000, implicit and little endian.

const CLASS: u16 = 0x0002;
const FIELD: u16 = 0x0100;
const MESSAGE: u16 = 0x0110;
const RESPONDED: u16 = 0x0120;
const DATA_SET: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const COMMENT: u16 = 0x0902;
const INSTANCE: u16 = 0x1000;
/// There is no data set.
const NONE: u16 = 0x0101;

pub(super) const STORE: u16 = 0x0001;
pub(super) const ECHO: u16 = 0x0030;
pub(super) const CANCEL: u16 = 0x0FFF;
const RESPONSE: u16 = 0x8000;

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) field: u16,
    pub(super) message: u16,
    pub(super) class: String,
    pub(super) instance: String,
    pub(super) has_data: bool,
}

/// A status (PS3.7, annex C, and PS3.4, B.2.3), and a comment for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16, pub &'static str);

impl Status {
    /// The store has it.
    pub const SUCCESS: Status = Status(0, "");
    /// The store does not have it; to be sent again.
    pub const NOT_STORED: Status = Status(0xA700, "not stored, send it again");
    /// Longer than the limit.
    pub const TOO_LARGE: Status = Status(0xA701, "larger than this node takes");
    /// Of another kind than the command says, or one that is not read.
    pub const MISMATCH: Status = Status(0xA900, "not an object that is read here");
    /// Faulty.
    pub const FAULTY: Status = Status(0xC000, "the object is faulty");
    /// An operation that is not offered.
    pub const UNRECOGNIZED: Status = Status(0x0211, "only C-ECHO and C-STORE are offered");
}

impl Command {
    /// Reads a command; `None` if it is faulty.
    pub(super) fn read(mut bytes: &[u8]) -> Option<Command> {
        let mut command = Command {
            has_data: true,
            ..Command::default()
        };
        while !bytes.is_empty() {
            let (&[g0, g1, e0, e1], rest) = bytes.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            bytes = rest;
            if [g0, g1] != [0, 0] {
                return None;
            }
            let number = || value.first_chunk().map(|pair| u16::from_le_bytes(*pair));
            let text = || {
                let text = String::from_utf8_lossy(value);
                text.trim_matches(['\0', ' ']).to_owned()
            };
            match u16::from_le_bytes([e0, e1]) {
                FIELD => command.field = number()?,
                MESSAGE => command.message = number()?,
                DATA_SET => command.has_data = number()? != NONE,
                CLASS => command.class = text(),
                INSTANCE => command.instance = text(),
                _ => {}
            }
        }
        Some(command)
    }

    /// Returns the response with this status.
    pub(super) fn response(&self, status: Status) -> Vec<u8> {
        let mut body = Vec::new();
        let mut put = |element: u16, value: &[u8]| {
            body.extend([0, 0]);
            body.extend(element.to_le_bytes());
            body.extend((value.len().next_multiple_of(2) as u32).to_le_bytes());
            body.extend(value);
            body.extend(std::iter::repeat_n(0, value.len() % 2));
        };
        if !self.class.is_empty() {
            put(CLASS, self.class.as_bytes());
        }
        put(FIELD, &(self.field | RESPONSE).to_le_bytes());
        put(RESPONDED, &self.message.to_le_bytes());
        put(DATA_SET, &NONE.to_le_bytes());
        put(STATUS, &status.0.to_le_bytes());
        if !status.1.is_empty() {
            let mut comment = status.1.as_bytes().to_vec();
            comment.resize(comment.len().next_multiple_of(2), b' ');
            put(COMMENT, &comment);
        }
        if self.field == STORE {
            put(INSTANCE, self.instance.as_bytes());
        }
        let mut out = vec![0, 0, 0, 0, 4, 0, 0, 0];
        out.extend((body.len() as u32).to_le_bytes());
        out.extend(body);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_again() {
        let command = Command {
            field: STORE,
            message: 7,
            class: "1.2.840.10008.5.1.4.1.1.7".into(),
            instance: "1.2.3".into(),
            has_data: true,
        };
        let response = command.response(Status::NOT_STORED);
        assert_eq!(
            Command::read(&response),
            Some(Command {
                field: 0x8001,
                message: 0,
                has_data: false,
                ..command
            })
        );
        let status = [0, 0, 0, 9, 2, 0, 0, 0, 0x00, 0xA7];
        assert!(response.windows(status.len()).any(|part| part == status));
        for length in [5, 9, response.len() - 1] {
            assert_eq!(Command::read(&response[..length]), None, "{length}");
        }
    }
}
