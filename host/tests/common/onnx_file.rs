//! The smallest ONNX files: one node, inputs to output. Written by hand in protobuf's wire format,
//! because a dependency for this would be larger than the host.

/// Element types by ONNX's numbers.
pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;
pub const INT32: u64 = 6;
pub const INT64: u64 = 7;
pub const FLOAT16: u64 = 10;
pub const DOUBLE: u64 = 11;
pub const BFLOAT16: u64 = 16;

/// `output = operator(inputs)`, all of one type and of this shape; 0 leaves a dimension open.
pub fn model(operator: &str, inputs: &[&str], element: u64, dims: &[u64]) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        bytes(&mut node, 1, input.as_bytes());
    }
    bytes(&mut node, 2, b"output");
    bytes(&mut node, 4, operator.as_bytes());

    let mut graph = Vec::new();
    bytes(&mut graph, 1, &node);
    bytes(&mut graph, 2, b"test");
    for input in inputs {
        bytes(&mut graph, 11, &value(input, element, dims));
    }
    bytes(&mut graph, 12, &value("output", element, dims));

    let mut opset = Vec::new();
    bytes(&mut opset, 1, b"");
    number(&mut opset, 2, 17);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    bytes(&mut model, 7, &graph);
    bytes(&mut model, 8, &opset);
    model
}

fn value(name: &str, element: u64, dims: &[u64]) -> Vec<u8> {
    let mut shape = Vec::new();
    for dim in dims {
        let mut entry = Vec::new();
        match dim {
            0 => bytes(&mut entry, 2, b"N"),
            dim => number(&mut entry, 1, *dim),
        }
        bytes(&mut shape, 1, &entry);
    }
    let mut tensor = Vec::new();
    number(&mut tensor, 1, element);
    bytes(&mut tensor, 2, &shape);
    let mut ty = Vec::new();
    bytes(&mut ty, 1, &tensor);
    let mut value = Vec::new();
    bytes(&mut value, 1, name.as_bytes());
    bytes(&mut value, 2, &ty);
    value
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
