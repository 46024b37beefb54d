use super::*;

/// An empty component in binary: magic, version, layer.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn engine() -> Engine {
    engine::build(1, 1 << 20).unwrap()
}

fn load_empty(engine: &Engine, folders: &Folders) -> Metrics {
    let metrics = Metrics::default();
    load(engine, EMPTY, Path::new("c.wasm"), folders, &metrics).unwrap();
    metrics
}

fn assert_counted(metrics: &Metrics, kind: &str) {
    let text = metrics.render((0, 0));
    let line = format!("xray_aot_cache_total{{kind=\"{kind}\"}} 1");
    assert!(text.contains(&line), "{kind}: {text}");
}

fn only_file(dir: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(dir).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn compiled_code_is_cached_and_damaged_files_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let folders = Folders {
        cache: Some(cache.clone()),
        precompiled: None,
    };
    let engine = engine();
    assert_counted(&load_empty(&engine, &folders), "miss");
    assert_counted(&load_empty(&engine, &folders), "hit");

    let file = only_file(&cache);
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&file, bad).unwrap();
    assert_counted(&load_empty(&engine, &folders), "damaged");
    assert_eq!(std::fs::read(&file).unwrap(), good);

    std::fs::write(&file, b"short").unwrap();
    assert_counted(&load_empty(&engine, &folders), "damaged");
    assert_eq!(std::fs::read(&file).unwrap(), good);
}

#[test]
fn file_that_can_not_be_mapped_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine();
    let name = precompile(EMPTY, Path::new("c.wasm"), dir.path()).unwrap();
    assert!(read(&engine, &dir.path().join(name)).is_some());
}

/// Engines for other numbers of instances and other memory limits take the code too.
#[test]
fn precompiled_code_is_used_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    precompile(EMPTY, Path::new("c.wasm"), dir.path()).unwrap();
    let file = only_file(dir.path());
    let good = std::fs::read(&file).unwrap();
    let cache = dir.path().join("cache");
    let folders = Folders {
        cache: Some(cache.clone()),
        precompiled: Some(dir.path().to_owned()),
    };
    for (instances, memory) in [(1, 1 << 20), (64, 512 << 20), (8, 1 << 30)] {
        let engine = engine::build(instances, memory).unwrap();
        assert_counted(&load_empty(&engine, &folders), "precompiled");
    }
    assert!(!cache.exists());
    assert_eq!(std::fs::read(file).unwrap(), good);
}

#[test]
fn code_for_another_processor_or_component_is_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let name = precompile(EMPTY, Path::new("c.wasm"), dir.path()).unwrap();
    let folders = Folders {
        cache: None,
        precompiled: Some(dir.path().to_owned()),
    };
    // A processor with nothing but the features that each one of its architecture has.
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true);
    config.target(&target_lexicon::HOST.to_string()).unwrap();
    let small = Engine::new(&config).unwrap();
    let baseline = engine::baseline().unwrap();
    assert_ne!(file_name(&small, EMPTY), file_name(&baseline, EMPTY));

    // Another component has another name; another engine's code under this name is refused.
    let other = Engine::default().precompile_component(EMPTY).unwrap();
    write(&dir.path().join(name), &other).unwrap();
    assert_counted(&load_empty(&engine(), &folders), "miss");
    let empty = tempfile::tempdir().unwrap();
    let folders = Folders {
        cache: None,
        precompiled: Some(empty.path().to_owned()),
    };
    assert_counted(&load_empty(&engine(), &folders), "miss");
}

#[test]
fn error_names_the_file_that_is_not_a_component() {
    let source = Path::new("c.wasm");
    let error = load(
        &engine(),
        b"hello",
        source,
        &Folders::default(),
        &Metrics::default(),
    );
    assert!(format!("{:#}", error.err().unwrap()).contains("c.wasm"));
    let dir = tempfile::tempdir().unwrap();
    let error = precompile(b"hello", source, dir.path());
    assert!(format!("{:#}", error.err().unwrap()).contains("c.wasm"));
}
