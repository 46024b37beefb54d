//! Composition, as Spin does it: a component with what satisfies its `wasi:nn` built in.
//!
//! Each import that a dependency's name stands for is taken from the export of the same name, and all else stays an import of
//! the whole. Spin's own crate for this is not published, so these are its steps over the same library.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use wac_graph::{
    CompositionGraph, EncodeOptions, NodeId, PackageId,
    types::{Package, SubtypeChecker},
};

use crate::app::manifest::{Component, Dependency};

/// Names of a component's imports and exports.
pub struct Interfaces {
    /// What it wants of its host.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// The component with its dependencies in it; the component as it is if it has none.
///
/// # Errors
/// When a file can't be read, an import that a dependency stands for is not among its exports or is of another type there, or
/// the component wants inference and nothing satisfies that.
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
                "the dependency {:?} can't be composed in: {why}",
                dependency.name
            )
        })?;
        let (satisfied, left): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|import| dependency.satisfies(import));
        wanted = left;
        if satisfied.is_empty() {
            bail!(
                "the dependency {:?} stands for no import of the component",
                dependency.name
            );
        }
        plug(&mut graph, (socket, instance), dependency, path, &satisfied)?;
    }
    if let Some(import) = wanted.first() {
        bail!("the component imports {import}, and no dependency in the manifest satisfies that");
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
        let offered = types[graph[plug].ty()].exports.get(import);
        let offered =
            offered.with_context(|| format!("{} does not export {import}", path.display()))?;
        let asked = types[graph[socket].ty()].imports[import];
        let mut cache = Default::default();
        SubtypeChecker::new(&mut cache)
            .is_subtype(*offered, types, asked, types)
            .with_context(|| format!("{} exports another {import}", path.display()))?;
        let node = graph.alias_instance_export(provider, import)?;
        graph.set_instantiation_argument(instance, import, node)?;
    }
    Ok(())
}

/// What a component wants and offers.
///
/// # Errors
/// When these bytes are no component.
pub fn interfaces(wasm: Vec<u8>) -> Result<Interfaces> {
    let mut graph = CompositionGraph::new();
    let package = register(&mut graph, "app:main", wasm, Path::new("it"))?;
    Ok(names(&graph, package))
}

fn register(
    graph: &mut CompositionGraph,
    name: &str,
    wasm: Vec<u8>,
    path: &Path,
) -> Result<PackageId> {
    let package = Package::from_bytes(name, None, wasm, graph.types_mut());
    let package = package.with_context(|| format!("{} is not a component", path.display()))?;
    Ok(graph.register_package(package)?)
}

fn names(graph: &CompositionGraph, package: PackageId) -> Interfaces {
    let world = &graph.types()[graph[package].ty()];
    Interfaces {
        imports: world.imports.keys().cloned().collect(),
        exports: world.exports.keys().cloned().collect(),
    }
}

/// The bytes of a component.
///
/// # Errors
/// When the file can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        format!(
            "cannot read the component {} (has it been built?)",
            path.display()
        )
    })
}
