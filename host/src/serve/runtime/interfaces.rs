//! Names of the interfaces that a component imports and this host lacks.

use crate::app::compose;

/// Beginnings of the names of what [`super::state::linker`] links, without versions.
const PROVIDED: [&str; 9] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
    "wasi:nn/",
    "fermyon:spin/variables@",
];

/// Returns the reason for which a component can't be linked.
pub(super) fn problem(wasm: &[u8]) -> String {
    let imports = compose::interfaces(wasm.to_vec()).map_or(Vec::new(), |all| all.imports);
    let missing: Vec<_> = imports
        .into_iter()
        .filter(|name| !is_provided(name))
        .collect();
    if missing.is_empty() {
        return "the component does not handle HTTP in the form of WASI 0.2".to_owned();
    }
    format!(
        "the component imports {}, which this host lacks; it has HTTP, variables, files and wasi:nn",
        missing.join(", ")
    )
}

fn is_provided(name: &str) -> bool {
    let is_of_wasi_0_2 = |name: &str| name.split_once('@').is_none_or(|v| v.1.starts_with("0.2."));
    PROVIDED.iter().any(|prefix| {
        name.starts_with(prefix) && (!name.starts_with("wasi:") || is_of_wasi_0_2(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provided_interfaces_are_told_from_others() {
        for name in [
            "wasi:http/types@0.2.0",
            "wasi:filesystem/preopens@0.2.6",
            "wasi:nn/graph@0.2.0-rc-2024-10-28",
            "fermyon:spin/variables@2.0.0",
        ] {
            assert!(is_provided(name), "{name}");
        }
        for name in [
            "wasi:http/types@0.3.0",
            "wasi:keyvalue/store@0.2.0-draft2",
            "fermyon:spin/key-value@2.0.0",
            "spin:postgres/postgres@3.0.0",
        ] {
            assert!(!is_provided(name), "{name}");
        }
    }
}
