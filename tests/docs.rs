//! The documentation agrees with the repository: settings, links and paths.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the Markdown pages at the top and in `docs/`.
fn pages() -> Vec<PathBuf> {
    let files = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path())
    };
    let mut pages: Vec<PathBuf> = files(".").chain(files("docs")).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// Returns the text outside of code fences.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).expect("a page");
    text.split("\n```").step_by(2).collect()
}

#[test]
fn settings_page_lists_every_setting_with_its_default() {
    let (manifest, page) = (read("spin.toml"), read("docs/settings.md"));
    let variables = manifest
        .split("[variables]\n")
        .nth(1)
        .expect("the variables");
    let declared: Vec<(&str, &str)> = variables
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_once(" = ").expect("a variable"))
        .collect();
    assert!(declared.len() > 20);
    for (name, declaration) in declared {
        let row = page.lines().find(|line| {
            let cell = line
                .trim_start_matches('|')
                .split('|')
                .next()
                .unwrap_or_default();
            line.starts_with('|') && cell.contains(&format!("`{name}`"))
        });
        let row = row.unwrap_or_else(|| panic!("`{name}` is not in docs/settings.md"));
        let default = declaration.split('"').nth(1).unwrap_or_default();
        let stated = match default {
            "" if declaration.contains("required") => "required".to_owned(),
            "" => "empty".to_owned(),
            default => format!("`{default}`"),
        };
        assert!(row.contains(&stated), "{row}\nlacks the default {stated}");
        assert_eq!(
            declaration.contains("secret = true"),
            row.contains("secret |"),
            "{row}"
        );
    }
}

#[test]
fn links_lead_to_files_and_headings() {
    for page in pages() {
        let text = prose(&page);
        for link in text.split("](").skip(1) {
            let link = link.split([')', ' ']).next().expect("a link");
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a folder").join(file),
            };
            assert!(target.exists(), "{}: no {link}", page.display());
            if !heading.is_empty() {
                let slug = |line: &str| {
                    let title = line.trim_start_matches('#').trim().to_lowercase();
                    let kept = title
                        .chars()
                        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                    kept.collect::<String>().replace(' ', "-")
                };
                let found = prose(&target)
                    .lines()
                    .any(|l| l.starts_with('#') && slug(l) == heading);
                assert!(found, "{}: no heading for {link}", page.display());
            }
        }
    }
}

/// Paths in backticks, as `src/config/mod.rs` or `host/src/nn/`, exist in the repository.
#[test]
fn paths_in_the_guides_exist() {
    const FOLDERS: [&str; 22] = [
        "src",
        "host",
        "docs",
        "models",
        "training",
        "components",
        "deploy",
        "tests",
        "testkit",
        "s3",
        "phantoms",
        "fake-gateway",
        "kafka-trigger",
        "jpeg-blocks",
        "jpeg2000-lossless",
        "privacy",
        "fuzz",
        "bench",
        "wit",
        "assets",
        ".github",
        ".ci",
    ];
    let (mut count, mut missing) = (0, Vec::<String>::new());
    for page in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
        "RELEASING.md",
    ] {
        let text = prose(&root().join(page));
        for path in text.split('`').skip(1).step_by(2) {
            let first = path.split('/').next().unwrap_or_default();
            let is_path = path.contains('/') && FOLDERS.contains(&first);
            if !is_path || path.contains(['<', '*', ' ', '…']) {
                continue;
            }
            count += 1;
            if !root().join(path).exists() {
                missing.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "these paths do not exist:\n{}",
        missing.join("\n")
    );
    assert!(count > 40, "only {count} paths were found");
}

#[test]
fn readme_is_a_front_page() {
    let lines = read("README.md").lines().count();
    assert!(
        lines <= 150,
        "README.md has {lines} lines; settings and options belong to docs/"
    );
}
