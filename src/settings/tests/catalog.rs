//! What the example says once it is loaded.

use super::{EXAMPLE_POLICY, EXAMPLE_SETTINGS, Files, as_of, example};
use crate::catalog::{Catalog, Target};
use crate::policy::{BoundKind, RetainFor, StartsFrom};
use crate::settings::{DiskFiles, LedgerSettings, load};
use std::path::Path;

#[test]
fn the_example_has_no_fault_and_says_what_it_says() {
    let loaded = example();
    assert_eq!(loaded.diagnostics.to_string(), "");
    let (settings, catalog) = (loaded.settings.unwrap(), loaded.catalog.unwrap());
    assert_eq!(settings.directory, Path::new("docs"));
    let LedgerSettings::Sqlite { path } = &settings.ledger else { panic!("{:?}", settings.ledger) };
    assert_eq!(settings.path(path), Path::new("docs/state/ledger.db"));
    assert_eq!(settings.clock_tolerance.as_secs(), 300);
    assert_eq!(catalog.stores()["shop"].backups_kept.unwrap().to_string(), "P35D");
    let targets: Vec<String> = catalog.targets(as_of()).iter().map(Target::id).collect();
    assert_eq!(
        targets,
        [
            "customers-fr/customer@shop.customers",
            "customers-fr/invoice@shop.invoices",
            "customers-fr/prospect@shop.prospects",
            "customers-fr/receipt@exports.receipts"
        ]
    );
    let invoice = &catalog.policies()[0].rules[1];
    assert_eq!(invoice.bounds[0].kind, BoundKind::Minimum);
    assert_eq!(invoice.guards.max_share.basis_points(), 2_500);
    assert!(
        matches!(&catalog.policies()[0].rules[0].starts_from, StartsFrom::NoneLeft { record_types } if record_types == &["invoice"])
    );
    assert!(matches!(invoice.retain_for, RetainFor::Period(_)));
    let links = &catalog.dataset("shop.invoices").unwrap().links;
    assert_eq!(links[0].to.column.as_deref(), Some("id"));
    assert_eq!(links[1].to.column, None);
}

#[test]
fn a_rule_applies_only_once_its_policy_is_effective() {
    let catalog = example().catalog.unwrap();
    assert!(catalog.targets("2025-12-31T22:59:59Z".parse().unwrap()).is_empty());
    assert_eq!(catalog.targets("2025-12-31T23:00:00Z".parse().unwrap()).len(), 4);
}

#[test]
fn of_two_effective_versions_the_newest_wins() {
    let newer = EXAMPLE_POLICY.replace("version: 1", "version: 2").replace("2026-01-01", "2026-07-01");
    let loaded = Files::default()
        .with("docs/oubliette.yaml", EXAMPLE_SETTINGS)
        .with("docs/policy.yaml", EXAMPLE_POLICY)
        .with("docs/policy-2.yaml", newer)
        .load();
    assert_eq!(loaded.diagnostics.to_string(), "");
    let catalog = loaded.catalog.unwrap();
    let version = |at: &str| catalog.targets(at.parse().unwrap())[0].policy.version;
    assert_eq!(version("2026-06-30T12:00:00Z"), 1);
    assert_eq!(version("2026-07-01T12:00:00Z"), 2);
}

#[test]
fn the_digest_is_of_the_meaning_and_not_of_the_spelling() {
    let catalog = example().catalog.unwrap();
    let digest = catalog.digest().unwrap();
    assert_eq!(digest.len(), 64);
    let loaded = |policy: String| {
        let files = Files::default().with("docs/b.yaml", EXAMPLE_SETTINGS).with("docs/a.yaml", policy);
        files.load().catalog.unwrap()
    };
    let spelled = loaded(format!("# comment\r\n{}", EXAMPLE_POLICY.replace('\n', "\r\n")));
    assert_eq!(spelled.digest().unwrap(), digest);
    let changed = loaded(EXAMPLE_POLICY.replace("max_share: 25%", "max_share: 26%"));
    assert_ne!(changed.digest().unwrap(), digest);
    let rule_digest = |catalog: &Catalog, rule: usize| {
        catalog.rule_digest("customers-fr", &catalog.policies()[0].rules[rule]).unwrap()
    };
    assert_ne!(rule_digest(&changed, 1), rule_digest(&catalog, 1));
    assert_eq!(rule_digest(&changed, 0), rule_digest(&catalog, 0));
}

#[test]
fn a_word_that_other_readers_take_for_a_boolean_stays_text() {
    let text = "datasets:\n  - {name: a, store: no, table: on, record_type: yes, alias: 1.10}\n";
    let loaded = Files::default().with("docs/a.yaml", text).load();
    let catalog = loaded.catalog.unwrap();
    let dataset = catalog.dataset("a").unwrap();
    assert_eq!((dataset.store.as_str(), dataset.record_type.as_str()), ("no", "yes"));
    assert_eq!(dataset.public_name(), "1.10");
}

#[test]
fn the_shipped_folder_is_a_valid_catalog() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let loaded = load(&[folder], as_of(), &DiskFiles);
    assert_eq!(loaded.diagnostics.to_string(), "");
}
