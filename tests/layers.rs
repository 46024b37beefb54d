//! The modules of the function and of the host import in one direction, without a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

type Imports = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        // Tests may import anything.
        if name.ends_with("tests") || name == "mutations" {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the first names of all paths that begin with `crate::`, also in braces.
fn names(source: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut found = BTreeSet::new();
    for path in source.split("crate::").skip(1) {
        let Some(list) = path.strip_prefix('{') else {
            found.insert(word(path));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    found.insert(word(&list[start..at]));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.insert(word(&list[start..at]));
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    found
}

/// Returns the imports among the top modules of a crate, without inline tests and comments.
fn imports(folder: &str) -> Imports {
    let folder = root().join(folder);
    let mut all = Imports::new();
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    for path in paths {
        let inner = path.strip_prefix(&folder).expect("inside");
        let first = inner.components().next().expect("a name");
        let module = Path::new(&first)
            .with_extension("")
            .to_string_lossy()
            .into_owned();
        let source = fs::read_to_string(&path).expect("a source");
        let code: String = source
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |code, line| code + line + "\n");
        all.entry(module).or_default().extend(names(&code));
    }
    let modules: BTreeSet<String> = all.keys().cloned().collect();
    for (module, imported) in &mut all {
        imported.retain(|name| name != module && modules.contains(name));
    }
    // Both bind the modules together.
    all.remove("lib");
    all.remove("main");
    all
}

/// Returns the modules that lead from `module` back to it.
fn circle(imports: &Imports, module: &str, way: &mut Vec<String>) -> Option<Vec<String>> {
    if let Some(at) = way.iter().position(|passed| passed == module) {
        return Some(way[at..].to_vec());
    }
    way.push(module.to_owned());
    let found = imports
        .get(module)
        .and_then(|imported| imported.iter().find_map(|next| circle(imports, next, way)));
    way.pop();
    found
}

#[test]
fn modules_import_without_a_circle() {
    for (folder, at_least) in [("src", 10), ("host/src", 5)] {
        let imports = imports(folder);
        assert!(imports.len() > at_least, "{folder}: {imports:?}");
        for module in imports.keys() {
            let found = circle(&imports, module, &mut Vec::new());
            assert_eq!(found, None, "{folder}: a circle of imports");
        }
    }
}

#[test]
fn architecture_lists_the_modules_of_the_function_by_layer() {
    let imports = imports("src");
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    let table = page
        .split("| module of `src/` |")
        .nth(1)
        .expect("the table");
    let listed: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.split('`')
                .nth(1)
                .expect("a module")
                .trim_end_matches('/')
        })
        .map(|name| name.trim_end_matches(".rs"))
        .collect();
    for (module, imported) in imports {
        if module == "mutate" {
            continue;
        }
        let place = |name: &str| listed.iter().position(|listed| *listed == name);
        let own = place(&module).unwrap_or_else(|| panic!("{module} is not in ARCHITECTURE.md"));
        for name in imported {
            let other = place(&name).unwrap_or_else(|| panic!("{name} is not in ARCHITECTURE.md"));
            assert!(
                other < own,
                "{module} imports {name}, which is listed below it"
            );
        }
    }
}

#[test]
fn names_are_found_in_braces() {
    let found = names("use crate::{a::{b, c}, d,\n e::f as g};\nlet h = crate::i::j();");
    assert_eq!(found, ["a", "d", "e", "i"].map(str::to_owned).into());
}

#[test]
fn circle_is_found() {
    let one = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let imports = Imports::from([one("a", "b"), one("b", "c"), one("c", "b")]);
    let found = circle(&imports, "a", &mut Vec::new());
    assert_eq!(found, Some(vec!["b".to_owned(), "c".to_owned()]));
}
