//! Which rights the two sides of each store need.
//!
//! Floor 7. From the rules as they stand and the shapes of the live tables; nothing is granted here.

use super::stores::inventory_options;
use super::{App, AppError};
use crate::data_map::{Dataset, StoreKind};
use crate::settings::{ArchiveSettings, Connection, Store};
use anyhow::Context as _;
use connectors::Location;
use connectors::s3::{keeping_policy, policies};
use connectors::sql::grants::{Server, TableNeed, statements};
use std::collections::{BTreeMap, BTreeSet};

/// One store with the statements that its administrator runs; none for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreGrants {
    pub store: String,
    pub kind: StoreKind,
    pub location: String,
    pub statements: Vec<String>,
}

/// What whoever keeps the archive in a bucket may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveGrant {
    pub location: String,
    /// An IAM policy.
    pub policy: String,
}

impl App {
    /// The rights that an archive in a bucket takes; `None` when it is a directory.
    #[must_use]
    pub fn archive_grant(&self) -> Option<ArchiveGrant> {
        let ArchiveSettings::Bucket(archive) = &self.settings.archive else { return None };
        let (bucket, prefix) = (&archive.bucket.name, &archive.prefix);
        Some(ArchiveGrant {
            location: format!("s3://{bucket}/{prefix}"),
            policy: keeping_policy(bucket, prefix, archive.lock.is_some()),
        })
    }

    /// The rights for every store.
    ///
    /// # Errors
    /// When a store cannot be opened in the way that its settings say.
    pub async fn grants(&self) -> Result<Vec<StoreGrants>, AppError> {
        let world = self.world().await?;
        let mut needs: BTreeMap<&str, Vec<TableNeed>> = BTreeMap::new();
        for dataset in self.catalog.datasets().values().filter(|dataset| dataset.is_table()) {
            let purged = self.is_purged(dataset);
            let mut updated = self.anonymized_columns(dataset);
            // Records that others refer to are locked before they go, which takes the right to update.
            let key = world.shape(&dataset.name).and_then(|shape| shape.key.first().cloned());
            if purged || !updated.is_empty() {
                updated.extend(key);
            }
            let need = TableNeed { address: dataset.address(), purged, updated };
            needs.entry(dataset.store.as_str()).or_default().push(need);
        }
        let mut grants = Vec::new();
        for (name, store) in &self.settings.stores {
            let server = match store.terms.kind {
                StoreKind::Postgres => Some(Server::Postgres),
                StoreKind::Mysql => Some(Server::Mysql),
                StoreKind::Sqlite | StoreKind::Directory | StoreKind::S3 => None,
            };
            let needs = needs.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let statements = match server {
                Some(server) => statements(server, needs).context("the grants cannot be written")?,
                None => self.policies_of(name, store),
            };
            grants.push(StoreGrants {
                store: name.clone(),
                kind: store.terms.kind,
                location: store.terms.location.clone(),
                statements,
            });
        }
        Ok(grants)
    }

    /// Servers that are read and written by one role.
    pub(super) fn stores_of_one_role(&self) -> BTreeSet<&str> {
        let is_one = |store: &Store| match &store.connection {
            Connection::Postgres { reader, writer, .. } | Connection::Mysql { reader, writer, .. } => {
                reader == writer
            }
            Connection::Sqlite { .. } | Connection::Directory { .. } | Connection::S3(_) => false,
        };
        let stores = self.settings.stores.iter().filter(|(_, store)| is_one(store));
        stores.map(|(name, _)| name.as_str()).collect()
    }

    /// The policies of a bucket; none for another store.
    fn policies_of(&self, name: &str, store: &Store) -> Vec<String> {
        let Connection::S3(bucket) = &store.connection else { return Vec::new() };
        let own = || self.catalog.datasets().values().filter(|dataset| dataset.store == name);
        let prefixes: Vec<String> = own()
            .filter_map(|dataset| match &dataset.location {
                Location::Objects { key } => Some(key.literal_prefix().to_owned()),
                Location::Table { .. } => None,
            })
            .collect();
        let anonymizes = own().any(|dataset| !self.anonymized_columns(dataset).is_empty());
        let inventory = bucket.inventory.as_ref().map(inventory_options);
        policies(&bucket.name, &prefixes, store.terms.bypass_governance, anonymizes, inventory.as_ref())
            .into()
    }

    /// Rows go by a rule of their own, or with the record that owns them.
    fn is_purged(&self, dataset: &Dataset) -> bool {
        let targets = self.catalog.targets(self.now());
        let by_rule = targets
            .iter()
            .any(|target| target.dataset.name == dataset.name && target.rule.disposition.fields().is_none());
        by_rule || dataset.links.iter().any(|link| link.ownership.goes_along())
    }

    fn anonymized_columns(&self, dataset: &Dataset) -> BTreeSet<String> {
        let targets = self.catalog.targets(self.now());
        let fields = targets.iter().filter(|target| target.dataset.name == dataset.name).flat_map(|target| {
            let meanwhile = target.rule.exempt.as_ref().map(|exempt| &exempt.meanwhile);
            target.rule.disposition.fields().into_iter().chain(meanwhile)
        });
        let mut columns: BTreeSet<String> = fields.flat_map(|fields| fields.keys().cloned()).collect();
        if !columns.is_empty() {
            columns.extend(dataset.marker.clone());
        }
        columns
    }
}
