//! A check of source models before a library sees them: all of their weights are in the file.
//!
//! ONNX can keep tensors in other files, which the libraries read from the current directory. The
//! model's SHA-256 does not cover those.

use crate::{
    error::{ErrorCode, NnError},
    protobuf::{Fields, Value},
};

/// Deepest nesting of messages that is followed. Protobuf's own limit is 100.
const MAX_DEPTH: usize = 128;

/// The messages of an ONNX file that can contain tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    SparseTensor,
    Tensor,
}

/// Rejects a model that keeps tensors in other files. A file that is not valid protobuf passes:
/// every library rejects it.
///
/// # Errors
/// `security`.
pub fn check(onnx: &[u8]) -> Result<(), NnError> {
    if has_external_tensor(Message::Model, onnx, 0) {
        let message = "the model keeps weights in another file, which its SHA-256 does not cover; \
            save it as one file, without external data";
        return Err(NnError::new(ErrorCode::Security, message));
    }
    Ok(())
}

impl Message {
    /// Returns the kind of a field that is a message which can contain tensors.
    fn child(self, field: u32) -> Option<Self> {
        Some(match (self, field) {
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            _ => return None,
        })
    }
}

fn has_external_tensor(message: Message, bytes: &[u8], depth: usize) -> bool {
    depth > MAX_DEPTH
        || Fields(bytes).any(|(field, value)| match (message, field, value) {
            // `data_location`, an enumeration of 32 bits whose value 1 is `EXTERNAL`.
            (Message::Tensor, 14, Value::Varint(location)) => location as u32 == 1,
            // `external_data`
            (Message::Tensor, 13, Value::Bytes(_)) => true,
            (_, _, Value::Bytes(content)) => message
                .child(field)
                .is_some_and(|child| has_external_tensor(child, content, depth + 1)),
            _ => false,
        })
}

/// A declared input or output of the graph.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) is_output: bool,
    /// Element type by ONNX's number.
    pub(crate) element: u64,
}

/// Returns the inputs and outputs that are tensors. Older files also list weights as inputs.
pub(crate) fn declared(onnx: &[u8]) -> Vec<Declared> {
    let mut all = Vec::new();
    for graph in messages(onnx, 7) {
        for (number, is_output) in [(11, false), (12, true)] {
            for value in messages(graph, number) {
                let name = messages(value, 1).last().unwrap_or_default();
                let tensors = messages(value, 2).flat_map(|ty| messages(ty, 1));
                let elements = tensors.flat_map(|tensor| {
                    Fields(tensor).filter_map(|(field, value)| match value {
                        Value::Varint(element) if field == 1 => Some(element),
                        _ => None,
                    })
                });
                all.extend(elements.last().map(|element| Declared {
                    name: String::from_utf8_lossy(name).into_owned(),
                    is_output,
                    element,
                }));
            }
        }
    }
    all
}

/// Returns the fields of one number that are messages or texts.
fn messages(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields(bytes).filter_map(move |(field, value)| match value {
        Value::Bytes(content) if field == number => Some(content),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that contains bytes.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | (number << 3 & 0x78) | 2, number >> 4];
        bytes.push(u8::try_from(content.len()).unwrap());
        bytes.extend(content);
        bytes
    }

    /// Nests fields, the outermost first.
    fn nested(path: &[u8], content: &[u8]) -> Vec<u8> {
        path.iter()
            .rev()
            .fold(content.to_vec(), |content, number| field(*number, &content))
    }

    fn is_refused(onnx: &[u8]) -> bool {
        check(onnx).is_err_and(|error| error.code == ErrorCode::Security)
    }

    #[test]
    fn external_tensors_are_refused_wherever_they_are() {
        let location = [14 << 3, 1];
        let data = field(13, b"location");
        for path in [
            &[7, 5][..],             // initializer
            &[7, 15, 1],             // sparse initializer
            &[7, 1, 5, 5],           // constant
            &[7, 1, 5, 10],          // constants
            &[7, 1, 5, 22, 2],       // sparse constant
            &[7, 1, 5, 6, 5],        // initializer of a branch
            &[7, 1, 5, 11, 1, 5, 5], // constant of a branch
            &[25, 7, 5, 5],          // function
            &[20, 1, 5],             // training
        ] {
            assert!(is_refused(&nested(path, &location)), "{path:?}");
            assert!(is_refused(&nested(path, &data)), "{path:?}");
            // `DEFAULT`, and the tensor's own bytes.
            let inside = [&[14 << 3, 0][..], &field(9, &location)].concat();
            assert!(!is_refused(&nested(path, &inside)), "{path:?}");
        }
    }

    #[test]
    fn later_and_odd_fields_are_seen() {
        let external = nested(&[7, 5], &[14 << 3, 1]);
        let plain = nested(&[7, 5], &field(9, b"weights"));
        let group = [3 << 3 | 3, 3 << 3 | 4];
        // A second graph is merged with the first.
        assert!(is_refused(&[&plain[..], &group, &external].concat()));
        assert!(!is_refused(&[&plain[..], &group].concat()));
        // 1 as the lower half of a longer number.
        let wide = [14 << 3, 0x81, 0x80, 0x80, 0x80, 0x10];
        assert!(is_refused(&nested(&[7, 5], &wide)));
    }

    #[test]
    fn declared_types_are_read() {
        let port = |number, name: &[u8], element| {
            let ty = nested(&[2, 1], &[1 << 3, element]);
            field(number, &[field(1, name), ty].concat())
        };
        let graph = [port(11, b"x", 10), port(12, b"y", 1)].concat();
        let expected = [("x", false, 10), ("y", true, 1)];
        let expected = expected.map(|(name, is_output, element)| Declared {
            name: name.into(),
            is_output,
            element,
        });
        assert_eq!(declared(&field(7, &graph)), expected);
    }

    #[test]
    fn other_files_pass_and_nothing_panics() {
        let external = nested(&[7, 5], &[14 << 3, 1]);
        for end in 0..external.len() {
            assert!(!is_refused(&external[..end]), "{end}");
        }
        for other in [&b"weights"[..], &[0xff; 40], &[]] {
            assert!(!is_refused(other));
        }
    }
}
