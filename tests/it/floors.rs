//! Dependencies go downwards only: every `crate::…` path in `src` is compared with the floors.

use crate::tidy::{root, rust_files};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Modules from the ground up. A module may use those of earlier rows and itself. `a < b` inside one
/// floor is written as two rows. A row of several modules: they do not know each other.
const FLOORS: &[&[&str]] = &[
    &["limits", "digest", "spans"],
    &["clock", "ids", "diagnostic"],
    &["yaml"],
    &["policy", "schedule", "subject", "notice"],
    &["data_map", "hold"],
    &["catalog"],
    &["verdict"],
    &["plan"],
    &["check", "erasure"],
    &["journal"],
    &["execution"],
    &["evidence"],
    &["certificate"],
    &["archive"],
    &["ledger", "archive_store", "keys", "notify", "settings"],
    &["app"],
    &["daemon"],
    &["api", "telemetry"],
    &["init"],
    &["views"],
    &["demo"],
    &["cli"],
];

/// Rows above may use the row below although both are named alike on the house plan, with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

#[test]
fn dependencies_go_downwards_only() {
    let floor: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(height, modules)| modules.iter().map(move |module| (*module, height)))
        .collect();
    let mut faults = Vec::new();
    let mut seen = 0;
    for file in code_files("src") {
        let relative = file.strip_prefix(root().join("src")).unwrap().to_path_buf();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(own) = floor.get(module.as_str()) else {
            faults.push(format!("{}: module `{module}` is on no floor", relative.display()));
            continue;
        };
        for used in used_modules(&fs::read_to_string(&file).unwrap()) {
            seen += 1;
            let Some(other) = floor.get(used.as_str()) else { continue };
            let excepted = EXCEPTIONS.iter().any(|(from, to, _)| *from == module && *to == used);
            if used != module && other >= own && !excepted {
                faults.push(format!("{}: `{module}` may not know `{used}`", relative.display()));
            }
        }
    }
    assert!(seen > 100, "the test read only {seen} paths: it looks in the wrong place");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Files of the program itself: tests may know everything.
fn code_files(under: &str) -> Vec<PathBuf> {
    let is_test = |file: &PathBuf| {
        file.components().any(|part| part.as_os_str() == "tests")
            || file.file_stem().is_some_and(|stem| {
                let stem = stem.to_string_lossy();
                stem.ends_with("tests") || ["testing", "second_reader", "story"].contains(&&*stem)
            })
    };
    rust_files(under).into_iter().filter(|file| !is_test(file)).collect()
}

/// First segments of every `crate::a…` and `use crate::{a, b}` outside tests.
fn used_modules(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut modules = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            if let Some(list) = part.strip_prefix('{') {
                modules.extend(list.split([',', '}']).map(|item| first_segment(item.trim())));
            } else {
                modules.push(first_segment(part));
            }
        }
    }
    modules
}

fn first_segment(path: &str) -> String {
    path.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn the_stores_have_never_heard_of_policies_or_certificates() {
    for file in rust_files("connectors/src") {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("oubliette::"), "{} names the root crate", file.display());
    }
}

#[test]
fn drivers_are_known_to_the_stores_and_the_ledger_only() {
    for file in code_files("src") {
        let relative = file.strip_prefix(root().join("src")).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        if !relative.starts_with("ledger") && !relative.starts_with("demo") {
            assert!(!text.contains("sqlx::"), "{} uses a driver", relative.display());
        }
    }
}

#[test]
fn dynamic_sql_is_made_in_one_place() {
    for file in rust_files("connectors/src") {
        let text = fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root().join("connectors/src")).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        if !relative.starts_with("sql") && !relative.starts_with("testkit") {
            assert!(!code.contains("AssertSqlSafe"), "{} makes SQL of its own", relative.display());
        }
    }
}

#[test]
fn planning_holds_no_port_that_destroys() {
    let planning = ["src/plan", "src/check", "src/erasure"].map(code_files);
    for file in planning.into_iter().flatten() {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for name in ["RecordDisposer", "Disposer", "::dispose("] {
            assert!(!code.contains(name), "{} names {name}", file.display());
        }
    }
}
