//! Files that mean harm, or are damaged.

use super::{EXAMPLE_POLICY, EXAMPLE_SETTINGS, Files, as_of, check, faults};
use crate::settings::{DiskFiles, load};
use proptest::prelude::*;

#[test]
fn hostile_files_are_refused_in_bounded_time() {
    let deep = format!("policy: {}", "[".repeat(100_000));
    check(&deep, &["1:41 too-deep"]);
    let levels: Vec<String> = (0..1_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let nested = levels.concat();
    check(&nested, &["33:33 too-deep"]);
    check("x: ".repeat(100), &["1:5 yaml-syntax"]);
    check(vec![b'a'; 10 << 20], &["0:0 file-too-large"]);
    check(format!("rules: [{}]", "1,".repeat(200_000)), &["1:200007 too-many-values"]);
    check(format!("policy: {}", "a".repeat(20_000)), &["1:9 text-too-long"]);
    check(b"policy: caf\xe9\n", &["1:12 not-utf8"]);
    check(b"\xff\xfep\0o\0", &["0:0 not-utf8"]);
    check("policy: a\nowner: \"b\0c\"\n", &["2:10 control-character"]);
    check("policy: a\n\tversion: 1\n", &["2:1 tab-indentation"]);
    check("policy: a\rversion: 1\n", &["1:10 control-character"]);
    check("", &["0:0 no-documents"]);
    check("- a\n", &["1:1 wrong-type"]);
    check("just text\n", &["1:1 wrong-type"]);
    check("policy: [1, 2\n", &["1:9 yaml-syntax"]);
    check("%TAG ! tag:x,2000:\n---\npolicy: a\n", &["1:1 yaml-syntax"]);
}

#[test]
fn what_yaml_can_do_beyond_data_is_refused() {
    check("datasets: !!python/object:os.system [rm]\n", &["1:11 tag", "1:38 wrong-type"]);
    check("datasets: &a []\n", &["1:14 anchor"]);
    check("datasets: [*a]\n", &["1:12 anchor", "1:12 wrong-type"]);
    check(
        "datasets:\n  - <<: {name: a}\n    store: b\n    table: c\n    record_type: d\n",
        &["2:5 merge-key", "2:5 missing-key"],
    );
    check("datasets: []\n---\ndatasets: []\n", &["2:1 several-documents"]);
    check("? [a]\n: b\ndatasets: []\n", &["1:3 complex-key"]);
    let levels = (1..20).map(|level| format!("a{level}: &a{level} [{}]\n", ["*a0"; 9].join(", ")));
    let bomb = format!("a0: &a0 [x, x]\n{}", levels.collect::<Vec<_>>().concat());
    assert!(faults(&bomb).len() > 100);
    assert!(faults(&bomb).iter().all(|fault| fault.contains("anchor") || fault.contains("unknown-key")));
}

#[test]
fn more_faults_than_anyone_reads_are_counted() {
    let lines: Vec<String> = (0..5_000).map(|number| format!("k{number}: 1\n")).collect();
    let text = lines.concat();
    let loaded = Files::default().with("docs/a.yaml", text).load();
    assert_eq!(loaded.diagnostics.items().len(), 200);
    assert_eq!(loaded.diagnostics.errors(), 5_000);
}

#[test]
fn a_document_cannot_steer_the_terminal() {
    let loaded = Files::default().with("docs/a.yaml", "\"\\e[2J\\u202e\": 1\n").load();
    assert!(!loaded.diagnostics.to_string().chars().any(|c| c == '\u{1b}' || c == '\u{202e}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_document_never_makes_the_loader_panic(at in 0_usize..3_000, removed in 0_usize..40, put in "[\\PC\n\t]{0,6}") {
        for text in [EXAMPLE_POLICY, EXAMPLE_SETTINGS] {
            let mut characters: Vec<char> = text.chars().collect();
            let from = at.min(characters.len());
            let to = (from + removed).min(characters.len());
            characters.splice(from..to, put.chars());
            let damaged: String = characters.into_iter().collect();
            let loaded = Files::default().with("docs/a.yaml", damaged).load();
            prop_assert_eq!(loaded.catalog.is_none(), loaded.diagnostics.has_errors());
            for item in loaded.diagnostics.items().iter().filter(|item| item.line > 0) {
                prop_assert!(item.column > 0 && item.line <= 200);
            }
        }
    }
}

#[test]
fn folders_are_searched_and_links_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("policies/fr");
    #[expect(clippy::disallowed_methods, reason = "a test writes its own files")]
    {
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(folder.path().join("oubliette.yaml"), EXAMPLE_SETTINGS).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no document").unwrap();
        std::fs::write(folder.path().join(".hidden.yaml"), "no: document").unwrap();
        std::fs::write(inside.join("customers.yml"), EXAMPLE_POLICY).unwrap();
    }
    let loaded = load(&[folder.path().to_owned()], as_of(), &DiskFiles);
    assert_eq!(loaded.diagnostics.to_string(), "");
    assert_eq!(loaded.settings.unwrap().directory, folder.path());
    std::os::unix::fs::symlink(&inside, folder.path().join("linked")).unwrap();
    let loaded = load(&[folder.path().to_owned()], as_of(), &DiskFiles);
    assert_eq!(loaded.diagnostics.items()[0].code, "symbolic-link");
    let loaded = load(&[folder.path().join("absent")], as_of(), &DiskFiles);
    assert_eq!(loaded.diagnostics.items()[0].code, "unreadable");
}
