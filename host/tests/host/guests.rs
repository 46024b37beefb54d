//! Components that misbehave, each in one way. They are text, so that tests need no other
//! toolchain.

/// A component whose handler is this function body.
fn handler(body: &str) -> String {
    format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $outparam))
            (core module $m
                (memory 1)
                (func (export "handle") (param i32 i32) {body}))
            (core instance $i (instantiate $m))
            (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
                (canon lift (core func $i "handle")))
            (instance $exported (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))"#
    )
}

/// Traps at once.
pub fn trap() -> String {
    handler("unreachable")
}

/// Computes for ever.
pub fn spin() -> String {
    handler("(loop (br 0))")
}

/// Takes memory, a megabyte at a time, until it gets no more.
pub fn greedy() -> String {
    handler(
        "(loop
            (if (i32.ne (memory.grow (i32.const 16)) (i32.const -1)) (then (br 1))))
         unreachable",
    )
}

/// Ends without a response.
pub fn silent() -> String {
    handler("")
}

/// Imports what no host has.
pub fn stranger() -> String {
    r#"(component
        (import "somebody:else/thing@1.0.0" (instance (export "f" (func))))
        (import "wasi:io/error@0.2.0" (instance))
        (import "fermyon:spin/key-value@2.0.0" (instance (export "f" (func)))))"#
        .to_owned()
}
