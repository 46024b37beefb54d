//! Component composition as in Spin: the dependency that provides `wasi:nn` is linked into the
//! component.
//!
//! Each import that a dependency's name covers is satisfied by the export of the same name; all
//! other imports remain imports of the result. Spin's own crate for this is not published, so this
//! follows the same steps over the same library.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use wac_graph::{
    CompositionGraph, EncodeOptions, NodeId, PackageId,
    types::{Package, SubtypeChecker},
};
use wasmparser::{Parser, Payload};

use crate::app::manifest::{Component, Dependency};

/// Names of a component's imports and exports.
pub struct Interfaces {
    /// Interfaces that the host must provide.
    pub imports: Vec<String>,
    /// Interfaces that the component provides.
    pub exports: Vec<String>,
}

/// Returns the component with its dependencies linked in, or unchanged if it has none.
///
/// # Errors
/// When a file can't be read, a dependency doesn't export an import that its name covers or exports
/// it with another type, or the component imports inference and nothing satisfies it.
pub fn compose(component: &Component) -> Result<Vec<u8>> {
    let main = read(&component.source)?;
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "app:main", main.clone(), &component.source)?;
    let mut wanted = names(&graph, socket).imports;
    wanted.retain(|import| import.starts_with("wasi:nn/"));
    let instance = graph.instantiate(socket);
    for dependency in &component.dependencies {
        let path = dependency.source.as_ref().map_err(|why| {
            anyhow!(
                "the dependency {:?} can't be composed: {why}",
                dependency.name
            )
        })?;
        let (satisfied, left): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|import| dependency.satisfies(import));
        wanted = left;
        if satisfied.is_empty() {
            bail!(
                "the dependency {:?} matches no import of the component",
                dependency.name
            );
        }
        plug(&mut graph, (socket, instance), dependency, path, &satisfied)?;
    }
    if let Some(import) = wanted.first() {
        bail!("the component imports {import}, and no dependency in the manifest satisfies it");
    }
    if component.dependencies.is_empty() {
        return Ok(main);
    }
    for export in names(&graph, socket).exports {
        let node = graph.alias_instance_export(instance, &export)?;
        graph.export(node, &export)?;
    }
    graph.encode(EncodeOptions::default()).context("composing")
}

fn plug(
    graph: &mut CompositionGraph,
    (socket, instance): (PackageId, NodeId),
    dependency: &Dependency,
    path: &Path,
    imports: &[String],
) -> Result<()> {
    let name = format!("app:{}", dependency.name.replace([':', '@', '/', '.'], "-"));
    let plug = register(graph, &name, read(path)?, path)?;
    let provider = graph.instantiate(plug);
    for import in imports {
        let types = graph.types();
        let export = types[graph[plug].ty()]
            .exports
            .get(import)
            .with_context(|| format!("{} does not export {import}", path.display()))?;
        let wanted = types[graph[socket].ty()].imports[import];
        let mut cache = Default::default();
        SubtypeChecker::new(&mut cache)
            .is_subtype(*export, types, wanted, types)
            .with_context(|| format!("{} exports {import} with another type", path.display()))?;
        let node = graph.alias_instance_export(provider, import)?;
        graph.set_instantiation_argument(instance, import, node)?;
    }
    Ok(())
}

/// Lists a component's imports and exports.
///
/// # Errors
/// When the bytes are not a component.
pub fn interfaces(wasm: Vec<u8>) -> Result<Interfaces> {
    let mut graph = CompositionGraph::new();
    let package = register(&mut graph, "app:main", wasm, Path::new("the file"))?;
    Ok(names(&graph, package))
}

/// Lists a component's imports only, without checking the rest of it.
///
/// # Errors
/// When the bytes are not WebAssembly.
pub fn imports(wasm: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    // Modules and components inside of it have imports of their own.
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.push(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn register(
    graph: &mut CompositionGraph,
    name: &str,
    wasm: Vec<u8>,
    path: &Path,
) -> Result<PackageId> {
    let package = Package::from_bytes(name, None, wasm, graph.types_mut())
        .with_context(|| format!("{} is not a component", path.display()))?;
    Ok(graph.register_package(package)?)
}

fn names(graph: &CompositionGraph, package: PackageId) -> Interfaces {
    let world = &graph.types()[graph[package].ty()];
    Interfaces {
        imports: world.imports.keys().cloned().collect(),
        exports: world.exports.keys().cloned().collect(),
    }
}

/// Reads a component's file.
///
/// # Errors
/// When the file can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        format!(
            "cannot read the component {} (has it been built? `make build` or `spin build` does)",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_those_of_the_component_itself() {
        let wasm = wat::parse_str(
            r#"(component
                (import "wasi:nn/graph@0.2.0" (instance))
                (core module (import "env" "inner" (func)))
                (component (import "test:inside/it" (instance)))
                (import "test:other/it" (instance))
                (export "test:other/ours" (instance 1)))"#,
        )
        .unwrap();
        let expect = ["wasi:nn/graph@0.2.0", "test:other/it"];
        assert_eq!(imports(&wasm).unwrap(), expect);
        assert_eq!(interfaces(wasm.clone()).unwrap().imports, expect);
        assert!(imports(b"no component").is_err());
        assert!(imports(&wasm[..wasm.len() - 3]).is_err());
    }
}
