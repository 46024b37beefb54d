//! ONNX files for tests, written by hand in protobuf's wire format, because a dependency for this would be larger than the
//! host.

#![allow(dead_code, reason = "each suite uses a part of it")]

/// Element types by ONNX's numbers.
pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;
pub const INT16: u64 = 5;
pub const INT32: u64 = 6;
pub const INT64: u64 = 7;
pub const FLOAT16: u64 = 10;
pub const DOUBLE: u64 = 11;
pub const BFLOAT16: u64 = 16;

/// `output = operator(inputs)`, all of one type and of this shape; 0 leaves a dimension open.
pub fn model(operator: &str, inputs: &[&str], element: u64, dims: &[u64]) -> Vec<u8> {
    let mut graph = Graph::default();
    graph.node(operator, inputs, "output", &[]);
    let inputs: Vec<_> = inputs.iter().map(|name| (*name, dims)).collect();
    graph.file(element, &inputs, ("output", dims))
}

/// An attribute of a node.
pub enum Attribute<'a> {
    Number(u64),
    Numbers(&'a [u64]),
}

/// A graph that grows node by node.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<u8>,
    weights: Vec<u8>,
}

impl Graph {
    /// `output = operator(inputs)`.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Attribute<'_>)],
    ) {
        let mut node = Vec::new();
        for input in inputs {
            bytes(&mut node, 1, input.as_bytes());
        }
        bytes(&mut node, 2, output.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        for (name, attribute) in attributes {
            let mut entry = Vec::new();
            bytes(&mut entry, 1, name.as_bytes());
            match attribute {
                Attribute::Number(value) => {
                    number(&mut entry, 3, *value);
                    number(&mut entry, 20, 2);
                }
                Attribute::Numbers(values) => {
                    values
                        .iter()
                        .for_each(|value| number(&mut entry, 8, *value));
                    number(&mut entry, 20, 7);
                }
            }
            bytes(&mut node, 5, &entry);
        }
        bytes(&mut self.nodes, 1, &node);
    }

    /// Constant f32 values.
    pub fn weights(&mut self, name: &str, dims: &[u64], values: &[f32]) {
        let mut tensor = Vec::new();
        dims.iter().for_each(|dim| number(&mut tensor, 1, *dim));
        number(&mut tensor, 2, FLOAT);
        bytes(&mut tensor, 8, name.as_bytes());
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        bytes(&mut tensor, 9, &raw);
        bytes(&mut self.weights, 5, &tensor);
    }

    /// The file, with inputs and an output of these names and shapes.
    pub fn file(self, element: u64, inputs: &[(&str, &[u64])], output: (&str, &[u64])) -> Vec<u8> {
        self.converting_file((element, element), inputs, output)
    }

    /// The file, with inputs of the first element type and an output of the second.
    pub fn converting_file(
        self,
        (from, to): (u64, u64),
        inputs: &[(&str, &[u64])],
        output: (&str, &[u64]),
    ) -> Vec<u8> {
        let mut graph = self.nodes;
        bytes(&mut graph, 2, b"test");
        graph.extend(self.weights);
        for (name, dims) in inputs {
            bytes(&mut graph, 11, &value(name, from, dims));
        }
        bytes(&mut graph, 12, &value(output.0, to, output.1));
        wrap(&graph)
    }
}

fn wrap(graph: &[u8]) -> Vec<u8> {
    let mut opset = Vec::new();
    bytes(&mut opset, 1, b"");
    number(&mut opset, 2, 17);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    bytes(&mut model, 7, graph);
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
