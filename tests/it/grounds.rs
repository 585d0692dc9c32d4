//! No store may reach what the program itself lives on, and an SQLite store is one file.

use crate::scenario;
use crate::support::Project;
use std::fs;
use std::os::unix::fs::symlink;

const FILES: &str = "path: files,";

/// The shop's settings with `from` replaced, in a project that has run nothing.
#[track_caller]
fn changed(project: &Project, from: &str, to: &str) {
    assert!(scenario::SETTINGS.contains(from), "{from}");
    project.write("oubliette.yaml", &scenario::SETTINGS.replace(from, to));
}

/// `check`, `plan` and `apply` refuse, name both paths and the place in the settings.
#[track_caller]
fn refused(project: &Project, code: &str, named: &[&str]) {
    for arguments in [&["check", "--offline"][..], &["check"], &["plan"], &["apply"]] {
        let answer = project.run(arguments).expect(2);
        let said = answer.stdout + &answer.stderr;
        assert!(said.contains(&format!("error[{code}]")), "{arguments:?}: {said}");
        for name in named {
            assert!(said.contains(name), "{arguments:?} does not name {name}: {said}");
        }
    }
    let json = project.run(&["--format", "json", "check", "--offline"]).expect(2).json();
    let items = json["diagnostics"].as_array().expect("a list");
    let found = items.iter().find(|item| item["code"] == code).expect("the fault");
    assert!(found["file"].as_str().unwrap().ends_with("oubliette.yaml"), "{found}");
    assert!(found["line"].as_u64().unwrap() > 0 && found["column"].as_u64().unwrap() > 0, "{found}");
}

#[test]
fn a_directory_store_that_holds_the_project_is_refused_and_nothing_in_it_goes() {
    let project = scenario::small();
    project.approved();
    let before = crate::support::files(&project.path(""));
    changed(&project, FILES, "path: .,");
    refused(&project, "own-place", &["contains the sealing key", "keys/sealing.key", "contains the ledger"]);
    assert_eq!(crate::support::files(&project.path("keys")).len(), 3);
    assert_eq!(crate::support::files(&project.path("")), before);
}

#[test]
fn a_directory_store_in_or_on_a_place_of_the_program_is_refused() {
    let project = scenario::small();
    for (path, named) in [
        ("keys", "contains the signing key"),
        ("state", "contains the ledger"),
        ("certificates/tile", "lies inside the archive"),
        ("certificates", "is the archive"),
        ("sealed", "is the sealed openings"),
        ("policies", "is a document of the project"),
        ("policies/old", "lies inside a document of the project"),
        ("files/../keys", "contains the signing key"),
        ("../", "contains the sealing key"),
    ] {
        changed(&project, FILES, &format!("path: {path},"));
        refused(&project, "own-place", &[named]);
    }
}

#[test]
fn links_and_references_do_not_hide_a_place_of_the_program() {
    let project = scenario::small();
    symlink(project.path("keys"), project.path("innocent")).unwrap();
    changed(&project, FILES, "path: innocent,");
    refused(&project, "own-place", &["contains the signing key"]);
    project.write("secret", "certificates\n");
    changed(&project, FILES, "path: \"${file:secret}\",");
    refused(&project, "own-place", &["is the archive"]);
    // The key itself lies elsewhere, and a link leads to it.
    fs::create_dir(project.path("far")).unwrap();
    fs::rename(project.path("keys/sealing.key"), project.path("far/sealing.key")).unwrap();
    symlink(project.path("far/sealing.key"), project.path("keys/sealing.key")).unwrap();
    changed(&project, FILES, "path: far,");
    refused(&project, "own-place", &["contains the sealing key"]);
}

#[test]
fn the_ledger_is_no_store() {
    let project = scenario::small();
    project.plan();
    let shop = "reader: shop.db, writer: shop.db,";
    changed(&project, shop, "path: state/ledger.db,");
    refused(&project, "own-place", &["is the ledger"]);
    fs::hard_link(project.path("state/ledger.db"), project.path("other.db")).unwrap();
    changed(&project, shop, "path: other.db,");
    refused(&project, "own-place", &["is the ledger"]);
}

#[test]
fn nothing_secret_lies_in_the_archive_nor_the_archive_among_what_is_deleted() {
    let project = scenario::small();
    for (from, to, named) in [
        ("sealed: sealed", "sealed: certificates/sealed", "the sealed openings"),
        ("sealed: sealed", "sealed: certificates", "the sealed openings"),
        ("directory: certificates", "directory: sealed/certificates", "lies inside the sealed openings"),
        ("sqlite://state/ledger.db", "sqlite://certificates/ledger.db", "the ledger"),
        ("keys/log.key", "certificates/log.key", "the key of the log"),
    ] {
        changed(&project, from, to);
        refused(&project, "own-place", &[named, "lies inside"]);
    }
}

#[test]
fn a_reader_and_a_writer_of_two_databases_are_refused_and_of_one_are_not() {
    let project = scenario::small();
    fs::copy(project.path("shop.db"), project.path("copy.db")).unwrap();
    changed(&project, "writer: shop.db", "writer: copy.db");
    refused(&project, "different-databases", &["shop.db", "copy.db"]);
    changed(&project, "writer: shop.db", "writer: nothing.db");
    refused(&project, "different-databases", &["shop.db", "nothing.db"]);
    symlink(project.path("shop.db"), project.path("link.db")).unwrap();
    fs::hard_link(project.path("shop.db"), project.path("hard.db")).unwrap();
    for same in ["writer: ./shop.db", "writer: link.db", "writer: hard.db"] {
        changed(&project, "writer: shop.db", same);
        project.run(&["check", "--offline"]).expect(0);
    }
}
