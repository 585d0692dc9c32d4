//! Settings as validated values (floor 6).
//!
//! Every path is absolute or relative to [`Settings::directory`], the directory of the settings
//! file; [`Settings::path`] joins them.

use super::outside::{HttpSettings, NotificationSettings};
use super::secret::SecretText;
use crate::data_map::StoreTerms;
use crate::erasure::recipient::Recipient;
use crate::plan::signature::Approver;
use crate::plan::staleness::DriftMargin;
use crate::policy::{Guards, Language, Period};
use crate::schedule::Cron;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The directory of the settings file.
    pub directory: PathBuf,
    pub controller: Controller,
    pub ledger: LedgerSettings,
    pub archive: ArchiveSettings,
    /// Where the openings of commitments lie; deletable.
    pub sealed: PathBuf,
    pub signing_key: PathBuf,
    pub log_key: PathBuf,
    pub sealing_key: PathBuf,
    /// Who drafts plans, when the command line names nobody.
    pub author: Option<String>,
    pub stores: BTreeMap<String, Store>,
    pub schedules: BTreeMap<String, Schedule>,
    pub daemon: DaemonSettings,
    pub approvals: Approvals,
    /// Guards of rules that name none.
    pub guards: Guards,
    pub drift: DriftMargin,
    /// Greatest difference between two clocks with which a run goes on.
    pub clock_tolerance: Duration,
    /// While this file exists no batch is begun.
    pub pause_file: Option<PathBuf>,
    pub language: Language,
    pub suppression: Suppression,
    /// Who received personal data, by name.
    pub recipients: BTreeMap<String, RecipientSettings>,
    /// Whom the program notifies; `None`: nobody.
    pub notification: Option<NotificationSettings>,
    /// Where the daemon answers; `None`: nowhere.
    pub http: Option<HttpSettings>,
}

/// A recipient, and how it is told of an erasure.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipientSettings {
    pub recipient: Recipient,
    pub channel: Channel,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Channel {
    Webhook(WebhookSettings),
    Http(Box<HttpTemplate>),
    /// A person tells them.
    ByHand,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    pub url: SecretText,
    /// The one that signs, and the one before it while the recipient changes over.
    pub secrets: Vec<SecretText>,
    /// A file of certificates in PEM.
    pub ca: Option<PathBuf>,
    pub plain_http: bool,
}

/// A request as the recipient's own interface wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTemplate {
    pub method: String,
    /// With places that are filled in, see [`crate::erasure::recipient::PLACES`].
    pub url: SecretText,
    pub headers: BTreeMap<String, SecretText>,
    /// Its texts have places.
    pub body: Option<serde_json::Value>,
    pub ca: Option<PathBuf>,
    pub plain_http: bool,
    /// Kinds of identities that it names by themselves.
    pub kinds: BTreeSet<String>,
}

/// How erased persons are known when a backup brings them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression {
    /// How long after an erasure.
    pub kept_for: Period,
    /// Whether every retention run looks for them, or only who asks.
    pub at_runs: bool,
}

impl Settings {
    /// A path of the settings, seen from the working directory of the process.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}

/// The controller in the sense of GDPR art. 4(7), as certificates name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    pub name: String,
    pub contact: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerSettings {
    Sqlite {
        path: PathBuf,
    },
    /// A `postgres://` address, with references to resolve.
    Postgres {
        address: SecretText,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveSettings {
    Directory { path: PathBuf },
    Bucket(Box<ArchiveBucket>),
}

/// The place of an archive in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveBucket {
    /// One side reads and writes.
    pub bucket: Bucket,
    /// Empty, or with a slash at its end.
    pub prefix: String,
    pub lock: Option<ArchiveLock>,
}

/// For how long what is written cannot be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLock {
    pub period: Period,
    /// Whoever has a right of its own may remove it before.
    pub is_governance: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// What plans and certificates have to know.
    pub terms: StoreTerms,
    pub connection: Connection,
}

/// How a store is opened: reading and writing with different credentials. A path, once resolved, is
/// relative to [`Settings::directory`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Each a path or a `sqlite://` address, with references to resolve.
    Sqlite {
        reader: SecretText,
        writer: SecretText,
    },
    Directory {
        path: SecretText,
    },
    /// Each side an address with its own role.
    Postgres {
        reader: SecretText,
        writer: SecretText,
        options: ServerOptions,
    },
    /// MySQL or MariaDB, each side an address with its own account.
    Mysql {
        reader: SecretText,
        writer: SecretText,
        options: ServerOptions,
    },
    S3(Box<Bucket>),
}

/// A bucket, and who reads and writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// `None`: that of AWS.
    pub endpoint: Option<SecretText>,
    pub path_style: bool,
    /// A file of certificates in PEM.
    pub ca: Option<PathBuf>,
    pub reader: BucketCredentials,
    pub writer: BucketCredentials,
    /// By which plans count.
    pub inventory: Option<Inventory>,
}

/// Where the inventories of a bucket are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    pub bucket: String,
    /// Without `/` at its end.
    pub prefix: String,
    pub age_max: Duration,
}

/// With what one side of a bucket shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketCredentials {
    /// What the environment of the process has.
    Environment,
    Anonymous,
    /// A profile of the shared files.
    Profile(String),
    Static {
        access_key: SecretText,
        secret_key: SecretText,
        session_token: Option<SecretText>,
    },
    /// A role that the credentials of the environment may assume.
    Role {
        arn: String,
        external_id: Option<SecretText>,
    },
}

/// How a database server is worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerOptions {
    /// Most writing connections at once.
    pub connections: u32,
    /// Whether dead rows are vacuumed at the end of a run, or left to the server.
    pub vacuums: bool,
}

/// When which policies run unattended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub cron: Cron,
    pub time_zone: Tz,
    /// Names of policies.
    pub policies: Vec<String>,
    /// How long after its due time a run may begin or go on; `None` is without end.
    pub window: Option<Period>,
    /// Most by which a due time is put off.
    pub jitter: Duration,
    pub missed: MissedRuns,
}

/// What becomes of due times that passed while nothing ran. Either way once, however many there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissedRuns {
    /// Begun only within a window; without one, at once.
    #[default]
    NextWindow,
    /// Begun at once, with a window of the same length from then on.
    AtOnce,
}

/// How the daemon works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSettings {
    /// Plans are drafted, and nothing is carried out.
    pub dry_run: bool,
    pub dry_run_reminder_days: u32,
    pub jump: JumpGuard,
    pub scan_cron: Cron,
    pub scan_zone: Tz,
    /// How long a stop waits for the batch under way.
    pub stop_within: Duration,
    /// While another daemon acts, a part of its work is done here.
    pub helps: bool,
}

/// More is due than `factor` times what usually is, and more than `floor` records: a person looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JumpGuard {
    pub factor: u64,
    pub floor: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// Who drafted a plan may not approve it.
    pub approver_not_author: bool,
    pub plan_valid_for: Period,
    /// Who must sign, and with which key.
    pub approvers: Vec<Approver>,
    /// Every approval must be signed, by one of the approvers.
    pub require_signature: bool,
}
