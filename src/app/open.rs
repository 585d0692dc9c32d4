//! Opening a project: documents, keys, ledger.
//!
//! Floor 7.

use super::{App, AppError, Environment};
use crate::archive::note::VerifierKey;
use crate::archive_store::SealedStore;
use crate::catalog::Catalog;
use crate::certificate::TrustRoot;
use crate::check::Places;
use crate::diagnostic::Diagnostics;
use crate::journal::RunKey;
use crate::keys::{self, FileSigner};
use crate::ledger::Ledger;
use crate::settings::files::DiskFiles;
use crate::settings::grounds;
use crate::settings::load::load;
use crate::settings::recipients;
use crate::settings::{LedgerSettings, Settings};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The data map and the policies lie beside the settings.
const DATA_MAP: &str = "data-map.yaml";
const POLICIES: &str = "policies";
/// The auditor's copy of the trust root; the archive has its own, which proves nothing by itself.
const TRUST_ROOT: &str = "trust-root.json";

/// The documents of a project, without an error in any of them.
#[derive(Debug)]
pub struct Documents {
    pub settings: Settings,
    pub catalog: Catalog,
    pub places: Places,
    pub warnings: Diagnostics,
}

impl App {
    /// Loads the documents beside the settings file and opens the ledger.
    ///
    /// # Errors
    /// [`AppError::Documents`] with every fault of every document; others when a key or the ledger
    /// cannot be opened.
    pub async fn open(settings_file: &Path, environment: Environment) -> Result<Self, AppError> {
        let Documents { settings, catalog, places, warnings } = Self::documents(settings_file, &environment)?;
        let sealing_key = keys::read_sealing_key(&settings.path(&settings.sealing_key))?;
        let sealing_key = RunKey::new(sealing_key);
        let ledger = open_ledger(&settings, sealing_key.clone(), &environment).await?;
        Ok(Self { settings, catalog, places, warnings, environment, ledger: Arc::new(ledger), sealing_key })
    }

    /// Only the documents, without opening anything: for checks that need no store.
    ///
    /// # Errors
    /// [`AppError::Documents`] with every fault.
    pub fn documents(settings_file: &Path, environment: &Environment) -> Result<Documents, AppError> {
        let directory = directory_of(settings_file);
        let loaded = load(&Self::document_paths(settings_file), environment.clock.now(), &DiskFiles);
        match (loaded.settings, loaded.catalog) {
            (Some(settings), Some(catalog)) => {
                let (places, mut warnings) = (loaded.places, loaded.diagnostics);
                // Also what is not there yet belongs to the project.
                let mut own = vec![settings_file.to_path_buf()];
                own.extend([DATA_MAP, POLICIES, TRUST_ROOT].map(|name| directory.join(name)));
                warnings.extend(recipients::check(&settings, &catalog, &places));
                warnings.extend(grounds::check(&settings, &own, &*environment.secrets, &places));
                if warnings.has_errors() {
                    return Err(AppError::Documents(warnings));
                }
                Ok(Documents { settings, catalog, places, warnings })
            }
            _ if loaded.diagnostics.has_errors() => Err(AppError::Documents(loaded.diagnostics)),
            _ => Err(AppError::Argument {
                reason: format!("{} has no settings", settings_file.display()),
                hint: Some(
                    "make a project with `oubliette init`, or name its settings with --config".to_owned(),
                ),
            }),
        }
    }

    /// Where documents are looked for: the settings, and what lies beside them.
    pub(super) fn document_paths(settings_file: &Path) -> Vec<PathBuf> {
        let directory = directory_of(settings_file);
        let beside = [DATA_MAP, POLICIES].map(|name| directory.join(name));
        let mut paths = vec![settings_file.to_path_buf()];
        paths.extend(beside.into_iter().filter(|path| path.exists()));
        paths
    }

    pub(super) fn signer(&self) -> Result<FileSigner, AppError> {
        Ok(FileSigner::open(&self.settings.path(&self.settings.signing_key))?)
    }

    pub(super) fn trust_root_bytes(&self) -> Result<Vec<u8>, AppError> {
        let path = self.settings.path(Path::new(TRUST_ROOT));
        Ok(keys::read_public(&path)?)
    }

    pub(super) fn trust_root(&self) -> Result<TrustRoot, AppError> {
        Ok(TrustRoot::parse(&self.trust_root_bytes()?)?)
    }

    /// Keeps the newest checkpoint outside the archive, so that a log that shrank is noticed.
    pub(super) async fn keep_checkpoint(&self, note: &str) -> Result<(), AppError> {
        let vkey = self.trust_root()?.log.vkey;
        let key = VerifierKey::parse(&vkey).context("the trust root names no usable key for the log")?;
        Ok(self.ledger.put_checkpoint(key.name(), note.as_bytes()).await?)
    }

    pub(super) fn sealed(&self) -> Result<SealedStore, AppError> {
        Ok(SealedStore::open(&self.settings.path(&self.settings.sealed))?)
    }
}

fn directory_of(settings_file: &Path) -> &Path {
    let directory = settings_file.parent().filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new("."))
}

/// The sealing key stays a file beside the program, wherever the ledger is.
async fn open_ledger(
    settings: &Settings,
    sealing_key: RunKey,
    environment: &Environment,
) -> Result<Ledger, AppError> {
    let ids = Arc::clone(&environment.ids);
    Ok(match &settings.ledger {
        LedgerSettings::Sqlite { path } => {
            Ledger::open_sqlite(&settings.path(path), sealing_key, ids).await?
        }
        LedgerSettings::Postgres { address } => {
            let address = address.resolve(&*environment.secrets).map_err(anyhow::Error::from)?;
            Ledger::open_postgres(address.expose(), sealing_key, ids).await?
        }
    })
}
