//! Who may import whom: rooms import from rooms above them in this list, never the other way.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, each line importing from the lines above it alone.
const ORDER: &[&[&str]] = &[
    &["real", "error"],
    &["shape", "config", "rng"],
    &["identifier"],
    &["parallel"],
    &["kernels"],
    &["init", "regularizer", "constraint", "arena"],
    &["param"],
    &["layer"],
    &["layers", "losses", "optimizers", "variables"],
    &["metrics", "named_layer"],
    &["graph"],
    &["plan"],
    &["placed"],
    &["execute"],
    &["training"],
    &["runner"],
    &["checkpoint", "testing"],
    &["python"],
];

/// The flush of denormals and the team of threads are `unsafe`, so they stand among the kernels; the pool needs them.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("parallel", "kernels::denormals"),
    ("parallel", "kernels::team"),
];

fn rank(room: &str) -> usize {
    let found = ORDER.iter().position(|line| line.contains(&room));
    found.unwrap_or_else(|| panic!("room {room:?} has no place in the order: give it one"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn rooms_import_in_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let inside = path.strip_prefix(&root).expect("inside of src");
        let first = inside.iter().next().expect("a room").to_string_lossy();
        let room = first.trim_end_matches(".rs");
        // Tests may look at anything.
        if room == "lib" || path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let outside = if room == "python" {
            true
        } else {
            !code.contains("pyo3") && !code.contains("numpy::")
        };
        if !outside {
            wrong.push(format!("{} names pyo3 or numpy", inside.display()));
        }
        for import in code.split("crate::").skip(1) {
            let other = import
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default();
            let allowed = EXCEPTIONS
                .iter()
                .any(|&(from, to)| from == room && import.starts_with(to));
            if other != room
                && !allowed
                && ORDER.iter().any(|l| l.contains(&other))
                && rank(other) >= rank(room)
            {
                wrong.push(format!("{} imports {other}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
