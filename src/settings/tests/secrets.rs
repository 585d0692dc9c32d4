//! Secrets and their references.

use super::{EXAMPLE_POLICY, EXAMPLE_SETTINGS, Files};
use crate::settings::{Connection, LedgerSettings, Secret, SecretError, SecretLookup, SecretText};

const CANARY: &str = "hunter2";

#[test]
fn a_secret_is_in_no_diagnostic_however_the_file_is_broken() {
    let store = |text: &str| EXAMPLE_SETTINGS.replace("{kind: sqlite, path: data/shop.db,", text);
    let broken = [
        store("{kind: sqlite, path: \"sqlite://u:hunter2@x\","),
        store("{kind: sqlite, paht: hunter2,"),
        store("{kind: hunter2, path: x,"),
        store("{kind: sqlite, reader: hunter2,"),
        store("{kind: sqlite, path: \"${hunter2}\","),
        store("{kind: sqlite, path: \"${env:A\", \"x hunter2\": [1],"),
        store("{kind: sqlite, path: *hunter2,"),
        store("{kind: sqlite, path: !hunter2 x,"),
        store("{kind: sqlite, path: \"hunter2"),
        store("{kind: sqlite, path: [hunter2],"),
        store("{kind: sqlite, path: x, backups_kept: hunter2, \"a hunter2\": 1,"),
        store("{kind: postgres, reader: \"postgres://u:hunter2@h/db\","),
        EXAMPLE_SETTINGS.replace("ledger: sqlite:", "ledger: postgres://u:hunter2@h/ #"),
        EXAMPLE_SETTINGS.replace("sealed: sealed", "password: hunter2"),
        EXAMPLE_SETTINGS.replace("stores:", "stores: hunter2"),
        EXAMPLE_SETTINGS.replace("stores:", "stores:\n\thunter2: x"),
        "{stores: {a: hunter2}}".to_owned(),
    ];
    for text in broken {
        let loaded = Files::default().with("docs/a.yaml", &text).load();
        assert!(!loaded.diagnostics.is_empty(), "{text}");
        let json = serde_json::to_string(&loaded.diagnostics).unwrap();
        assert!(
            !format!("{loaded:?} {} {json}", loaded.diagnostics).contains(CANARY),
            "{text}\n{}",
            loaded.diagnostics
        );
    }
}

struct Lookup;

impl SecretLookup for Lookup {
    fn environment(&self, name: &str) -> Result<Option<String>, SecretError> {
        Ok((name == "PASSWORD").then(|| CANARY.to_owned()))
    }

    fn file(&self, path: &str) -> Result<String, SecretError> {
        match path {
            "keys/a" => Ok(format!("{CANARY}\n")),
            _ => Err(SecretError::File { path: path.to_owned(), reason: "missing".to_owned() }),
        }
    }
}

#[test]
fn references_are_resolved_only_when_asked_and_never_printed() {
    let resolve = |text: &str| SecretText::parse(text).and_then(|text| text.resolve(&Lookup));
    assert_eq!(resolve("sqlite://${env:PASSWORD}@x").unwrap().expose(), "sqlite://hunter2@x");
    assert_eq!(resolve("${file:keys/a}").unwrap().expose(), "hunter2");
    assert_eq!(resolve("plain").unwrap().expose(), "plain");
    assert_eq!(resolve("${env:OTHER}"), Err(SecretError::NotSet { name: "OTHER".to_owned() }));
    for text in ["${env:}", "${ENV:A}", "${env:A B}", "${env:A", "${file:}", "$${"] {
        assert_eq!(resolve(text), Err(SecretError::Form), "{text}");
    }
    let text = SecretText::parse("x://u:hunter2@h/${env:PASSWORD}").unwrap();
    assert!(!format!("{text:?} {:?} {}", text.resolve(&Lookup), text.public_form()).contains(CANARY));
    assert_eq!(format!("{:?}", Secret::new(CANARY.to_owned())), "Secret(redacted)");
}

#[test]
fn the_address_of_a_ledger_is_a_secret() {
    let load = |ledger: &str| {
        let ledger = format!("ledger: \"{ledger}\" #");
        let settings = EXAMPLE_SETTINGS.replace("ledger: sqlite:", &ledger);
        Files::default().with("docs/o.yaml", settings).with("docs/p.yaml", EXAMPLE_POLICY).load()
    };
    for address in ["postgres://u:${env:PASSWORD}@h:5432/db", "postgresql://u:${file:keys/a}@h:5432/db"] {
        let loaded = load(address);
        assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
        let LedgerSettings::Postgres { address: read } = loaded.settings.unwrap().ledger else {
            panic!("not on a server")
        };
        assert!(read.resolve(&Lookup).unwrap().expose().ends_with("://u:hunter2@h:5432/db"));
    }
    let loaded = load("postgres://u:hunter2@h/db");
    assert_eq!(loaded.diagnostics.items()[0].code, "plain-secret");
    assert!(!format!("{loaded:?} {}", loaded.diagnostics).contains(CANARY));
}

#[test]
fn a_password_in_plain_text_is_warned_of() {
    let plain = |text: &str| SecretText::parse(text).unwrap().has_plain_password();
    assert!(plain("sqlite://user:word@host"));
    assert!(plain("sqlite://user:${env:A}x@host"));
    assert!(!plain("sqlite://user:${env:A}@host"));
    assert!(!plain("sqlite://data/a.db?x=y:z@"));
    let settings = EXAMPLE_SETTINGS.replace("path: data/shop.db", "path: \"sqlite://u:hunter2@x\"");
    let loaded = Files::default().with("docs/o.yaml", settings).with("docs/p.yaml", EXAMPLE_POLICY).load();
    assert_eq!(loaded.diagnostics.items()[0].code, "plain-secret");
    assert!(!format!("{loaded:?} {}", loaded.diagnostics).contains(CANARY));
    assert!(matches!(loaded.settings.unwrap().stores["shop"].connection, Connection::Sqlite { .. }));
}
