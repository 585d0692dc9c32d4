//! House rules that a compiler does not know.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longer files are split.
const LINES_MAX: usize = 500;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn rust_files(under: &str) -> Vec<PathBuf> {
    files_with(&root().join(under), "rs")
}

fn files_with(under: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![under.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in
            fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with(".git") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all_rust_files() -> Vec<PathBuf> {
    ["src", "connectors/src", "tests"].into_iter().flat_map(rust_files).collect()
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_mind() {
    let long: Vec<String> = all_rust_files()
        .into_iter()
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, file)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_does() {
    for file in all_rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{} has no module documentation", file.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Split, so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[ig", "nore")];
    for file in all_rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        for mark in marks {
            assert!(!text.contains(mark), "{} says {mark}", file.display());
        }
    }
}

#[test]
fn relative_links_of_the_documents_lead_somewhere() {
    let mut checked = 0;
    for file in files_with(&root(), "md") {
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with('#') || link.starts_with("mailto:") {
                continue;
            }
            let target = link.split('#').next().unwrap();
            let path = file.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {link} leads nowhere", file.display());
            checked += 1;
        }
    }
    assert!(checked >= 3, "only {checked} links found: the test looks in the wrong place");
}

#[test]
fn every_dependency_has_a_reason() {
    let reasons = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    for manifest in ["Cargo.toml", "connectors/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        let mut inside = false;
        for line in text.lines() {
            if line.starts_with('[') {
                inside = line == "[dependencies]" || line == "[dev-dependencies]";
            } else if let Some((name, _)) = line.split_once('=').filter(|_| inside) {
                let name = name.trim().trim_end_matches(".workspace");
                let known = name == "connectors" || reasons.contains(name);
                assert!(known, "docs/dependencies.md gives no reason for {name}");
            }
        }
    }
}

/// One package of `cargo metadata`: its name and licence expression.
fn packages() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
            (text("name"), text("license"))
        })
        .collect()
}

#[test]
fn every_licence_is_on_the_list() {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let allowed: Vec<&str> =
        deny.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")).collect();
    assert!(allowed.len() > 5, "the list was not found");
    let packages = packages();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    for (name, licence) in packages {
        // `A OR B`: one is enough. `A AND B`: all are needed.
        let fine = licence.replace('/', " OR ").split(" OR ").any(|choice| {
            choice.split(" AND ").all(|part| allowed.contains(&part.trim().trim_matches(['(', ')'])))
        });
        assert!(fine, "{name} has the licence {licence:?}");
    }
}

#[test]
fn the_repository_names_no_machine() {
    let marks = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let files = ["rs", "md", "yaml", "toml", "sh", "py", "sql"]
        .into_iter()
        .flat_map(|kind| files_with(&root(), kind));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for mark in marks {
            assert!(!text.contains(mark), "{} names {mark}", file.display());
        }
    }
}
