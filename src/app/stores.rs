//! From the settings to opened stores: the reader's side for planning, both for execution.
//!
//! Floor 7.

use super::closed::ClosedStore;
use super::{App, AppError};
use crate::execution::OpenStore;
use crate::keys;
use crate::plan::world::{Sources, World};
use crate::settings::{
    Bucket, BucketCredentials, Connection, Inventory, Secret, SecretText, ServerOptions, Store,
};
use anyhow::Context as _;
use chrono::TimeDelta;
use connectors::directory::{DirectoryDisposer, DirectorySource};
use connectors::mysql::{MySqlBackend, MySqlOptions};
use connectors::postgres::{PostgresBackend, PostgresOptions};
use connectors::s3::{Credentials, InventoryOptions, S3Disposer, S3Options, S3Source};
use connectors::server::{Backend, ServerDisposer, ServerSource};
use connectors::sqlite::{SqliteDisposer, SqliteOptions, SqliteSource};
use connectors::{ConnectorError, RecordDisposer, RecordSource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// On whose behalf a store is opened for writing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acting<'a> {
    pub(super) run_id: &'a str,
    /// The run's key, for hashes.
    pub(super) hash_key: [u8; 32],
    /// As which helper, where another process leads the run.
    pub(super) helper: Option<u32>,
}

impl App {
    /// Every store, opened for reading. In the place of one that cannot be opened stands a closed
    /// one, so that what needs it says why it was not reached.
    pub(super) async fn sources(&self) -> Result<Sources, AppError> {
        let mut sources = Sources::new();
        for (name, store) in &self.settings.stores {
            match self.source(name, store).await {
                Ok(source) => {
                    sources.insert(name.clone(), source);
                }
                Err(AppError::Store(error)) => {
                    sources.insert(name.clone(), Arc::new(ClosedStore::new(name, &error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(sources)
    }

    /// What the stores look like now.
    pub(super) async fn world(&self) -> Result<World, AppError> {
        Ok(World::inspect(&self.catalog, &self.sources().await?).await)
    }

    async fn source(&self, name: &str, store: &Store) -> Result<Arc<dyn RecordSource>, AppError> {
        Ok(match &store.connection {
            Connection::Sqlite { reader, .. } => {
                let location = self.location(reader)?;
                Arc::new(SqliteSource::open(name, &location, SqliteOptions::default()).await?)
            }
            Connection::Directory { path } => {
                Arc::new(DirectorySource::open(name, Path::new(&self.location(path)?))?)
            }
            Connection::Postgres { reader, options, .. } => {
                let backend = postgres(name, &self.resolved(reader)?, *options)?;
                Arc::new(ServerSource::open(backend).await?)
            }
            Connection::Mysql { reader, .. } => {
                Arc::new(ServerSource::open(mysql(name, &self.resolved(reader)?)?).await?)
            }
            Connection::S3(bucket) => {
                let options = self.bucket(name, bucket, store.terms.bypass_governance)?;
                Arc::new(S3Source::open(name, &options, &self.credentials(&bucket.reader)?).await?)
            }
        })
    }

    async fn disposer(
        &self,
        name: &str,
        store: &Store,
        acting: Acting<'_>,
    ) -> Result<Arc<dyn RecordDisposer>, AppError> {
        let hash_key = acting.hash_key;
        Ok(match &store.connection {
            Connection::Sqlite { writer, .. } => {
                let location = self.location(writer)?;
                let disposer = SqliteDisposer::open(name, &location, SqliteOptions::default()).await?;
                Arc::new(disposer.with_hash_key(hash_key))
            }
            Connection::Directory { path } => {
                Arc::new(DirectoryDisposer::open(name, Path::new(&self.location(path)?))?)
            }
            Connection::Postgres { writer, options, .. } => {
                let backend = postgres(name, &self.resolved(writer)?, *options)?;
                Arc::new(opened(backend, acting).await?.with_hash_key(hash_key))
            }
            Connection::Mysql { writer, .. } => {
                let backend = mysql(name, &self.resolved(writer)?)?;
                Arc::new(opened(backend, acting).await?.with_hash_key(hash_key))
            }
            Connection::S3(bucket) => {
                let options = self.bucket(name, bucket, store.terms.bypass_governance)?;
                Arc::new(S3Disposer::open(name, &options, &self.credentials(&bucket.writer)?).await?)
            }
        })
    }

    /// Opens every store for writing once. After a crash only a writer can roll a half-done transaction
    /// back or take up a write-ahead log; until then a reader finds the store busy or unreadable. They
    /// are to be kept open while readers are opened. One that cannot be opened is told when it is needed.
    pub(super) async fn recover_stores(&self) -> Result<Vec<Arc<dyn RecordDisposer>>, AppError> {
        let mut writers = Vec::new();
        // A server recovers by itself.
        let files = |store: &Store| {
            matches!(store.connection, Connection::Sqlite { .. } | Connection::Directory { .. })
        };
        for (name, store) in self.settings.stores.iter().filter(|(_, store)| files(store)) {
            let nobody = Acting { run_id: "", hash_key: [0; 32], helper: None };
            match self.disposer(name, store, nobody).await {
                Ok(writer) => writers.push(writer),
                Err(AppError::Store(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(writers)
    }

    /// Of these stores those that are database servers.
    pub(super) fn servers_among<'n>(&self, names: BTreeSet<&'n str>) -> BTreeSet<&'n str> {
        let is_server = |name: &&str| {
            let store = self.settings.stores.get(*name);
            store.is_some_and(|store| {
                matches!(store.connection, Connection::Postgres { .. } | Connection::Mysql { .. })
            })
        };
        names.into_iter().filter(is_server).collect()
    }

    /// These stores, opened for reading and writing.
    pub(super) async fn open_stores(
        &self,
        names: &BTreeSet<&str>,
        acting: Acting<'_>,
    ) -> Result<BTreeMap<String, OpenStore>, AppError> {
        let mut open = BTreeMap::new();
        for &name in names {
            let store = self.settings.stores.get(name);
            let store = store.with_context(|| format!("store '{name}' is not in the settings"))?;
            // The writer first: after a crash only a writer can roll a half-done transaction back.
            let disposer = self.disposer(name, store, acting).await?;
            let source = self.source(name, store).await?;
            let connections = match &store.connection {
                Connection::Postgres { options, .. } | Connection::Mysql { options, .. } => {
                    options.connections
                }
                Connection::Sqlite { .. } | Connection::Directory { .. } | Connection::S3(_) => 1,
            };
            open.insert(name.to_owned(), OpenStore { source, disposer, connections });
        }
        Ok(open)
    }

    /// How a bucket is reached, with its references filled in and its certificates read.
    pub(super) fn bucket(
        &self,
        name: &str,
        bucket: &Bucket,
        bypass_governance: bool,
    ) -> Result<S3Options, AppError> {
        let endpoint = bucket.endpoint.as_ref().map(|text| self.resolved(text)).transpose()?;
        let ca = bucket.ca.as_deref().map(|path| {
            let path = self.settings.path(path);
            keys::read_public(&path).with_context(|| format!("the certificates for store '{name}'"))
        });
        Ok(S3Options {
            bucket: bucket.name.clone(),
            region: bucket.region.clone(),
            endpoint: endpoint.map(|endpoint| endpoint.expose().to_owned()),
            path_style: bucket.path_style,
            ca: ca.transpose()?,
            bypass_governance,
            inventory: bucket.inventory.as_ref().map(inventory_options),
        })
    }

    pub(super) fn credentials(&self, credentials: &BucketCredentials) -> Result<Credentials, AppError> {
        let plain = |text: &SecretText| self.resolved(text).map(|secret| secret.expose().to_owned());
        Ok(match credentials {
            BucketCredentials::Environment => Credentials::Environment,
            BucketCredentials::Anonymous => Credentials::Anonymous,
            BucketCredentials::Profile(profile) => Credentials::Profile(profile.clone()),
            BucketCredentials::Static { access_key, secret_key, session_token } => Credentials::Static {
                access_key: plain(access_key)?,
                secret_key: plain(secret_key)?,
                session_token: session_token.as_ref().map(plain).transpose()?,
            },
            BucketCredentials::Role { arn, external_id } => Credentials::Role {
                arn: arn.clone(),
                external_id: external_id.as_ref().map(plain).transpose()?,
            },
        })
    }

    pub(super) fn resolved(&self, text: &SecretText) -> Result<Secret, AppError> {
        Ok(text.resolve(&*self.environment.secrets).map_err(anyhow::Error::from)?)
    }

    /// A path of the settings with its secrets filled in, relative to the project.
    fn location(&self, text: &SecretText) -> Result<String, AppError> {
        let resolved = self.resolved(text)?;
        let plain = resolved.expose();
        let path = plain.strip_prefix("sqlite://").unwrap_or(plain);
        Ok(self.settings.path(Path::new(path)).to_string_lossy().into_owned())
    }
}

pub(super) fn inventory_options(inventory: &Inventory) -> InventoryOptions {
    InventoryOptions {
        bucket: inventory.bucket.clone(),
        prefix: inventory.prefix.clone(),
        age_max: TimeDelta::from_std(inventory.age_max).unwrap_or(TimeDelta::MAX),
    }
}

async fn opened<B: Backend>(backend: B, acting: Acting<'_>) -> Result<ServerDisposer<B>, ConnectorError> {
    match acting.helper {
        Some(helper) => ServerDisposer::open_to_help(backend, acting.run_id, helper).await,
        None => ServerDisposer::open(backend, acting.run_id).await,
    }
}

fn postgres(name: &str, address: &Secret, options: ServerOptions) -> Result<PostgresBackend, AppError> {
    let options = PostgresOptions { vacuums: options.vacuums, ..PostgresOptions::default() };
    Ok(PostgresBackend::new(name, address.expose(), options)?)
}

fn mysql(name: &str, address: &Secret) -> Result<MySqlBackend, AppError> {
    Ok(MySqlBackend::new(name, address.expose(), MySqlOptions::default())?)
}
