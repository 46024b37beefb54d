//! Takes the version of the embedded inference library from the lock file, because the library
//! itself does not say it.

/// From the package's folder, where Cargo runs this: a path that is compiled in would be missing
/// when the build cache moves, and everything would compile at each call.
const LOCK: &str = "../Cargo.lock";

fn main() {
    println!("cargo::rerun-if-changed={LOCK}");
    let text = std::fs::read_to_string(LOCK).unwrap_or_default();
    let version = text
        .split("[[package]]")
        .find(|package| package.contains("name = \"rten\"\n"))
        .and_then(|package| package.split("version = \"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .unwrap_or("(version unknown)");
    println!("cargo::rustc-env=RTEN_VERSION={version}");
}
