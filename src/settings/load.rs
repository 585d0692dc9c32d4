//! From folders of documents to settings and catalog, with every fault at once (floor 6).
//!
//! A file may hold any of the three kinds of document, also several. Without an error anywhere both
//! results are there (the settings only if some file has them); with one, neither is.

use super::files::{EntryKind, FileReader, Found};
use super::model::Settings;
use super::{document as settings_document, read as settings_read};
use crate::catalog::Catalog;
use crate::catalog::check::{Documents, From, check};
use crate::check::Places;
use crate::data_map::StoreTerms;
use crate::data_map::document::DATA_MAP;
use crate::data_map::read::{ReadDataset, datasets, names};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::digest::Digest32;
use crate::limits::{DATASETS_MAX, DOCUMENT_BYTES_MAX, DOCUMENT_FILES_MAX, DOCUMENT_FOLDERS_DEPTH_MAX};
use crate::policy::Guards;
use crate::policy::document::{PACKS, POLICY};
use crate::policy::read::{ReadPolicy, Surroundings, policy};
use crate::yaml::{Form, Node, NodeValue, Report, Shape, Source, parse};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was loaded.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Option<Settings>,
    pub catalog: Option<Catalog>,
    /// Where what the catalog holds is declared, for checks against the live stores.
    pub places: Places,
    pub diagnostics: Diagnostics,
}

/// Loads every document under `paths` (files, or folders searched for `*.yaml` and `*.yml`).
/// `as_of` decides which policies are effective and which reviews overdue.
pub fn load(paths: &[PathBuf], as_of: DateTime<Utc>, files: &dyn FileReader) -> Loaded {
    let mut diagnostics = Diagnostics::new();
    let mut finder = Finder { files, diagnostics: &mut diagnostics, found: BTreeSet::new() };
    for path in paths {
        finder.search(path, 0);
    }
    let found = finder.found;
    let parts: Vec<Parts> =
        found.iter().filter_map(|path| Parts::read(path, files, &mut diagnostics)).collect();
    if parts.is_empty() && !diagnostics.has_errors() {
        let place = paths.first().map_or(Path::new(""), PathBuf::as_path);
        diagnostics.push(of_file(place, "no-documents", "no document was found".to_owned()));
    }
    let settings = read_settings(&parts, &mut diagnostics);
    let mut places = Places::default();
    if let Some((part, node)) = parts.iter().find_map(|part| Some((part, part.settings.as_ref()?))) {
        places.add_settings(part.source.file(), node);
    }
    let catalog = read_catalog(&parts, settings.as_ref(), as_of, &mut places, &mut diagnostics);
    if diagnostics.has_errors() {
        return Loaded { settings: None, catalog: None, places, diagnostics };
    }
    Loaded { settings, catalog: Some(catalog), places, diagnostics }
}

/// Tells the documents under `paths` apart by their names and bytes. What cannot be read has a print too, so
/// that it differs from what could be.
#[must_use]
pub fn fingerprint(paths: &[PathBuf], files: &dyn FileReader) -> String {
    let mut diagnostics = Diagnostics::new();
    let mut finder = Finder { files, diagnostics: &mut diagnostics, found: BTreeSet::new() };
    for path in paths {
        finder.search(path, 0);
    }
    let mut print = Vec::new();
    for path in &finder.found {
        print.extend_from_slice(path.to_string_lossy().as_bytes());
        match files.read(path, DOCUMENT_BYTES_MAX) {
            Ok(bytes) => print.extend_from_slice(Digest32::of(&bytes).as_bytes()),
            Err(error) => print.extend_from_slice(error.to_string().as_bytes()),
        }
    }
    print.extend(diagnostics.items().iter().flat_map(|item| item.file.bytes()));
    Digest32::of(&print).hex()
}

/// A fault of a whole file.
fn of_file(path: &Path, code: &'static str, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        file: path.display().to_string(),
        line: 0,
        column: 0,
        message,
        excerpt: String::new(),
        hint: None,
    }
}

struct Finder<'a> {
    files: &'a dyn FileReader,
    diagnostics: &'a mut Diagnostics,
    found: BTreeSet<PathBuf>,
}

impl Finder<'_> {
    fn search(&mut self, path: &Path, depth: usize) {
        match self.files.find(path) {
            Err(error) => self.fail(path, "unreadable", error.to_string()),
            Ok(Found::File) => {
                self.found.insert(path.to_owned());
            }
            Ok(Found::Folder(_)) if depth > DOCUMENT_FOLDERS_DEPTH_MAX => {
                let message = format!("folders are nested more than {DOCUMENT_FOLDERS_DEPTH_MAX} deep");
                self.fail(path, "too-deep", message);
            }
            Ok(Found::Folder(entries)) => {
                for (name, kind) in entries {
                    self.enter(&path.join(&name), &name, kind, depth);
                }
            }
        }
    }

    fn enter(&mut self, path: &Path, name: &str, kind: EntryKind, depth: usize) {
        let is_document = [".yaml", ".yml"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending));
        if name.starts_with('.') {
            return;
        }
        if self.found.len() > DOCUMENT_FILES_MAX {
            return;
        }
        match kind {
            EntryKind::Folder => self.search(path, depth + 1),
            EntryKind::File if is_document => {
                self.found.insert(path.to_owned());
                if self.found.len() > DOCUMENT_FILES_MAX {
                    let message = format!("there are more than {DOCUMENT_FILES_MAX} documents");
                    self.fail(path, "too-many-files", message);
                }
            }
            EntryKind::Link => {
                // What a link points to may change under a reviewer's eyes.
                let message = "symbolic links are not followed; name the target itself".to_owned();
                self.fail(path, "symbolic-link", message);
            }
            EntryKind::Other if is_document => self.fail(path, "unreadable", "this is no file".to_owned()),
            EntryKind::File | EntryKind::Other => {}
        }
    }

    fn fail(&mut self, path: &Path, code: &'static str, message: String) {
        self.diagnostics.push(of_file(path, code, message));
    }
}

/// One file, its entries sorted by kind of document.
struct Parts {
    path: PathBuf,
    source: Source,
    settings: Option<Node>,
    data_map: Option<Node>,
    policy: Option<Node>,
}

impl Parts {
    fn read(path: &Path, files: &dyn FileReader, diagnostics: &mut Diagnostics) -> Option<Self> {
        let bytes = match files.read(path, DOCUMENT_BYTES_MAX + 1) {
            Ok(bytes) => bytes,
            Err(error) => {
                diagnostics.push(of_file(path, "unreadable", error.to_string()));
                return None;
            }
        };
        let source = Source::decode(&path.display().to_string(), &bytes, diagnostics)?;
        let mut report = Report { source: &source, diagnostics };
        let node = parse(&mut report)?;
        if !matches!(node.value, NodeValue::Map(_)) {
            let message = format!("{} where a document is wanted", node.kind());
            let hint = "a document is a map; it begins with a key such as `policy:`".to_owned();
            report.error("wrong-type", node.place, message, Some(hint));
            return None;
        }
        if node.get("checked_on").is_some() && node.get("rows").is_some() {
            // The shipped packs, compiled in: a copy in a folder is checked and not read.
            Form::Map(&PACKS).check(&node, &mut report);
            return None;
        }
        report_unknown(&node, &mut report);
        let settings = part(&node, &settings_document::SETTINGS, &mut report);
        let data_map = part(&node, &DATA_MAP, &mut report);
        let policy = part(&node, &POLICY, &mut report);
        Some(Self { path: path.to_owned(), source, settings, data_map, policy })
    }
}

/// The entries of one kind of document, checked for their form.
fn part(node: &Node, shape: &'static Shape, report: &mut Report<'_>) -> Option<Node> {
    let entries: Vec<_> =
        node.entries().iter().filter(|(entry, _)| shape.key(&entry.text).is_some()).cloned().collect();
    let place = entries.first()?.0.place;
    let part = Node { place, value: NodeValue::Map(entries) };
    Form::Map(shape).check(&part, report);
    Some(part)
}

fn report_unknown(node: &Node, report: &mut Report<'_>) {
    let shapes = [&settings_document::SETTINGS, &DATA_MAP, &POLICY];
    let known = || shapes.iter().flat_map(|shape| shape.keys.iter().map(|key| key.name));
    for (entry, _) in node.entries() {
        if known().any(|key| key == entry.text) {
            continue;
        }
        let hint = report.did_you_mean(&entry.text, known()).unwrap_or_else(|| {
            "a policy has `policy` and `rules`, a data map `datasets`, the settings `stores`".to_owned()
        });
        let message = format!("{} is no key of any document", report.shown(&entry.text, entry.place));
        report.error("unknown-key", entry.place, message, Some(hint));
    }
}

fn read_settings(parts: &[Parts], diagnostics: &mut Diagnostics) -> Option<Settings> {
    let mut with_settings = parts.iter().filter_map(|part| Some((part, part.settings.as_ref()?)));
    let (first, node) = with_settings.next()?;
    for (other, node) in with_settings {
        let mut report = Report { source: &other.source, diagnostics };
        let message = format!("the settings are in {} already", first.source.file());
        let hint = Some("write all settings into one file".to_owned());
        report.error("settings-twice", node.place, message, hint);
    }
    let directory = first.path.parent().unwrap_or(Path::new(""));
    let settings =
        settings_read::settings(node, directory, &mut Report { source: &first.source, diagnostics })?;
    let policies: BTreeSet<&str> =
        parts.iter().filter_map(|part| part.policy.as_ref()?.get("policy")?.text()).collect();
    check_schedules(node, &policies, &mut Report { source: &first.source, diagnostics });
    Some(settings)
}

fn check_schedules(node: &Node, policies: &BTreeSet<&str>, report: &mut Report<'_>) {
    for (_, schedule) in node.get("schedules").map(Node::entries).unwrap_or_default() {
        for item in schedule.get("policies").map(Node::items).unwrap_or_default() {
            let Some(name) = item.text().filter(|name| !policies.contains(name)) else { continue };
            let hint = report.did_you_mean(name, policies.iter().copied());
            let message = format!("no policy is called {}", report.shown(name, item.place));
            report.error("unknown-policy", item.place, message, hint);
        }
    }
}

fn store_names(settings: &Node) -> BTreeSet<&str> {
    let stores = settings.get("stores").map(Node::entries).unwrap_or_default();
    stores.iter().map(|(entry, _)| entry.text.as_str()).collect()
}

fn read_catalog(
    parts: &[Parts],
    settings: Option<&Settings>,
    as_of: DateTime<Utc>,
    places: &mut Places,
    diagnostics: &mut Diagnostics,
) -> Catalog {
    let names: BTreeSet<String> =
        parts.iter().filter_map(|part| part.data_map.as_ref()).flat_map(names).collect();
    let guards = settings.map_or_else(Guards::default, |settings| settings.guards);
    let surroundings = Surroundings { guards, today: as_of.date_naive() };
    let mut read_datasets: Vec<(&Source, ReadDataset<'_>)> = Vec::new();
    let mut read_policies: Vec<(&Source, ReadPolicy<'_>)> = Vec::new();
    for part in parts {
        let mut report = Report { source: &part.source, diagnostics };
        if let Some(node) = &part.data_map {
            let read = datasets(node, &names, &mut report);
            read_datasets.extend(read.into_iter().map(|read| (&part.source, read)));
        }
        if let Some(read) = part.policy.as_ref().and_then(|node| policy(node, &surroundings, &mut report)) {
            read_policies.push((&part.source, read));
        }
    }
    for (source, read) in &read_datasets {
        places.add_dataset(source.file(), read);
    }
    for (source, read) in &read_policies {
        places.add_policy(source.file(), read);
    }
    if read_datasets.len() > DATASETS_MAX {
        let message = format!("there are more than {DATASETS_MAX} datasets");
        diagnostics.push(of_file(Path::new(""), "too-many", message));
    }
    let stores: BTreeMap<String, StoreTerms> = settings
        .into_iter()
        .flat_map(|settings| settings.stores.iter().map(|(name, store)| (name.clone(), store.terms.clone())))
        .collect();
    let catalog = Catalog::new(
        stores,
        read_datasets.iter().map(|(_, read)| read.dataset.clone()).collect(),
        read_policies.iter().map(|(_, read)| read.policy.clone()).collect(),
    );
    let documents = Documents {
        datasets: read_datasets.iter().map(|(source, read)| From { source, read }).collect(),
        policies: read_policies.iter().map(|(source, read)| From { source, read }).collect(),
        store_names: parts.iter().find_map(|part| part.settings.as_ref()).map(store_names),
        dataset_names: &names,
        is_whole: !diagnostics.has_errors(),
    };
    check(&catalog, &documents, as_of, diagnostics);
    catalog
}
