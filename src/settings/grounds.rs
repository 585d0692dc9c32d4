//! The program's own files must lie where no run destroys them (floor 6).
//!
//! A directory store is a place in which files are deleted, so none may hold, be, or lie inside the
//! keys, the ledger, the sealed openings, the archive, the policies or the settings themselves. The
//! archive is handed to auditors, so nothing secret may lie in it. An SQLite store is one file,
//! however often it is named, and never the ledger. A bucket is a store's or the archive's. Links are followed as far as a path exists.
//!
//! What a path cannot say is not seen here: a second mount of the same directory further up.

use super::files::{Identity, identity, resolved};
use super::model::{ArchiveSettings, Bucket, Connection, LedgerSettings, Settings};
use super::secret::{SecretLookup, SecretText};
use crate::check::Places;
use crate::check::places::Spot;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use std::path::{Path, PathBuf};

/// One place of the program itself.
#[derive(Debug)]
struct Own {
    /// What it is, with its article.
    what: &'static str,
    /// The key of the settings that names it.
    key: &'static str,
    path: PathBuf,
}

/// Checks the places of the stores against those of the program, and these against each other.
/// `documents` are further paths that belong to the project: its settings, data map and policies.
///
/// A path whose references cannot be resolved is not looked at: its store cannot be opened either.
pub fn check(
    settings: &Settings,
    documents: &[PathBuf],
    secrets: &dyn SecretLookup,
    places: &Places,
) -> Diagnostics {
    let mut checking = Checking { settings, places, diagnostics: Diagnostics::new() };
    let own = checking.own(documents);
    checking.own_against_each_other(&own);
    for (name, store) in &settings.stores {
        match &store.connection {
            Connection::Directory { path } => {
                if let Some(root) = checking.path_of(path, secrets) {
                    checking.directory(name, &root, &own);
                }
            }
            Connection::Sqlite { reader, writer } => {
                let reader = checking.path_of(reader, secrets);
                let writer = checking.path_of(writer, secrets);
                if let (Some(reader), Some(writer)) = (reader, writer) {
                    checking.database(name, &reader, &writer, &own);
                }
            }
            // A server is no place of the file system.
            Connection::Postgres { .. } | Connection::Mysql { .. } => {}
            Connection::S3(bucket) => checking.bucket(name, bucket, secrets),
        }
    }
    checking.diagnostics
}

struct Checking<'a> {
    settings: &'a Settings,
    places: &'a Places,
    diagnostics: Diagnostics,
}

impl Checking<'_> {
    /// Where everything of the program lies.
    fn own(&self, documents: &[PathBuf]) -> Vec<Own> {
        let settings = self.settings;
        let mut own = Vec::new();
        let mut add = |what, key, path: &Path| own.push(Own { what, key, path: settings.path(path) });
        add("the signing key", "signing_key", &settings.signing_key);
        add("the key of the log", "log_key", &settings.log_key);
        add("the sealing key", "sealing_key", &settings.sealing_key);
        add("the sealed openings", "sealed", &settings.sealed);
        if let LedgerSettings::Sqlite { path } = &settings.ledger {
            add("the ledger", "ledger", path);
        }
        match &settings.archive {
            ArchiveSettings::Directory { path } => add("the archive", "archive", path),
            // No place of the file system.
            ArchiveSettings::Bucket(_) => {}
        }
        if let Some(path) = &settings.pause_file {
            add("the pause file", "pause_file", path);
        }
        own.extend(documents.iter().map(|path| Own {
            what: "a document of the project",
            key: "",
            path: path.clone(),
        }));
        own
    }

    fn own_against_each_other(&mut self, own: &[Own]) {
        for archive in own.iter().filter(|own| own.key == "archive") {
            for secret in own {
                let is_secret = !matches!(secret.key, "" | "archive" | "pause_file");
                if is_secret && is_inside(&secret.path, &archive.path) {
                    self.tell_inside(secret, archive, "the archive is handed to auditors");
                }
            }
            for sealed in own.iter().filter(|own| own.key == "sealed") {
                let is_equal = is_inside(&sealed.path, &archive.path);
                if !is_equal && is_inside(&archive.path, &sealed.path) {
                    self.tell_inside(archive, sealed, "the sealed openings are deleted in time");
                }
            }
        }
    }

    fn tell_inside(&mut self, inner: &Own, outer: &Own, why: &str) {
        let message = format!(
            "{} ({}) lies inside {} ({})",
            inner.what,
            inner.path.display(),
            outer.what,
            outer.path.display()
        );
        let hint = format!("give each a place of its own: {why}");
        self.tell("own-place", self.places.setting(inner.key), message, hint);
    }

    fn directory(&mut self, name: &str, root: &Path, own: &[Own]) {
        for own in own {
            let how = match (is_inside(&own.path, root), is_inside(root, &own.path)) {
                (true, true) => "is",
                (true, false) => "contains",
                (false, true) => "lies inside",
                (false, false) => continue,
            };
            let message = format!(
                "the directory of store '{name}' ({}) {how} {} ({})",
                root.display(),
                own.what,
                own.path.display()
            );
            let hint = "files in it are deleted: give the store a directory of its own".to_owned();
            self.tell("own-place", self.places.setting(&format!("stores.{name}")), message, hint);
        }
    }

    fn database(&mut self, name: &str, reader: &Path, writer: &Path, own: &[Own]) {
        let spot = || self.places.setting(&format!("stores.{name}"));
        let mut found = Vec::new();
        if !is_same(reader, writer) {
            let message = format!(
                "store '{name}' is read from {} and written to {}, which are different files",
                reader.display(),
                writer.display()
            );
            let hint = "what is read back must be what was written: name the same database twice, or once \
                        with `path`";
            found.push(("different-databases", message, hint));
        }
        let own = own.iter().filter(|own| own.key != "archive" && own.key != "sealed");
        for own in own.filter(|own| is_same(reader, &own.path) || is_same(writer, &own.path)) {
            let message = format!("the file of store '{name}' is {} ({})", own.what, own.path.display());
            found.push(("own-place", message, "rows in it are deleted: a store is a database of its own"));
        }
        let spot = spot();
        for (code, message, hint) in found {
            self.tell(code, spot.clone(), message, hint.to_owned());
        }
    }

    /// A bucket of a store is one in which versions are deleted, so it is not that of the archive.
    fn bucket(&mut self, name: &str, bucket: &Bucket, secrets: &dyn SecretLookup) {
        let ArchiveSettings::Bucket(archive) = &self.settings.archive else { return };
        let is_same = archive.bucket.name == bucket.name
            && host_of(&archive.bucket, secrets) == host_of(bucket, secrets);
        if is_same {
            let message = format!("the bucket of store '{name}' is that of the archive");
            let hint = "versions in it are deleted: give the archive a bucket of its own".to_owned();
            self.tell("own-place", self.places.setting(&format!("stores.{name}")), message, hint);
        }
    }

    /// A path of a store, relative to the project.
    fn path_of(&self, text: &SecretText, secrets: &dyn SecretLookup) -> Option<PathBuf> {
        let plain = text.resolve(secrets).ok()?;
        let path = plain.expose();
        Some(self.settings.path(Path::new(path.strip_prefix("sqlite://").unwrap_or(path))))
    }

    fn tell(&mut self, code: &'static str, spot: Spot, message: String, hint: String) {
        let Spot { file, line, column } = spot;
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code,
            file,
            line,
            column,
            message,
            excerpt: String::new(),
            hint: Some(hint),
        });
    }
}

/// Whether `inner` is `outer` or lies inside it: by its path with links followed, and by what the
/// file system says its parents are.
fn is_inside(inner: &Path, outer: &Path) -> bool {
    let (inner, outer_path) = (resolved(inner), resolved(outer));
    if inner.starts_with(&outer_path) {
        return true;
    }
    let Some(outer) = identity(&outer_path) else { return false };
    inner.ancestors().any(|parent| identity(parent).is_some_and(|found: Identity| found == outer))
}

/// Host and port of an endpoint; `None` for AWS, where the names of buckets are unique. An endpoint that
/// cannot be resolved is compared as it is written.
fn host_of(bucket: &Bucket, secrets: &dyn SecretLookup) -> Option<String> {
    let endpoint = bucket.endpoint.as_ref()?;
    let plain = endpoint.resolve(secrets).map(|plain| plain.expose().to_owned());
    let text = plain.unwrap_or_else(|_| endpoint.public_form()).to_ascii_lowercase();
    let host = text.split_once("://").map_or(text.as_str(), |(_, host)| host);
    Some(host.split('/').next().unwrap_or_default().to_owned())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let (one, other) = (resolved(one), resolved(other));
    one == other || identity(&one).is_some_and(|found| identity(&other) == Some(found))
}
