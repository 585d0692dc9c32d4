//! From a settings document to [`Settings`] (floor 6).
//!
//! The form was checked before ([`super::document`]).

use super::model::{
    Approvals, Connection, Controller, DaemonSettings, JumpGuard, LedgerSettings, MissedRuns, Schedule,
    ServerOptions, Settings, Store, Suppression,
};
use super::outside;
use super::secret::SecretText;
use crate::data_map::{StoreKind, StoreTerms};
use crate::plan::signature::{Approver, ApproverKey};
use crate::plan::staleness::DriftMargin;
use crate::policy::read::{boolean, guards, parsed, text, texts_of};
use crate::policy::scalars::parse_share;
use crate::policy::{Guards, Language, Period};
use crate::schedule::Cron;
use crate::yaml::{Node, Report};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PLAN_VALID_DAYS: u32 = 7;
const DRY_RUN_REMINDER_DAYS: u32 = 7;
const JUMP_FACTOR: u64 = 10;
const JUMP_FLOOR: u64 = 1_000;
/// The first day of each quarter.
const SCAN_CRON: &str = "0 0 4 1 1,4,7,10 *";
const STOP_WITHIN: Duration = Duration::from_mins(1);
/// Beyond the longest life of a backup: restoring one takes its time.
const SUPPRESSION_MARGIN_DAYS: u32 = 30;
/// Where nobody says how long backups live.
const SUPPRESSION_UNKNOWN_DAYS: u32 = 400;
const CLOCK_TOLERANCE: Duration = Duration::from_mins(5);

/// Makes settings of a checked document. `None` when an indispensable part is not usable.
pub fn settings(node: &Node, directory: &Path, report: &mut Report<'_>) -> Option<Settings> {
    let stores = stores(node.get("stores")?, report);
    let path =
        |key: &str, default: &str| PathBuf::from(text(node, key).unwrap_or_else(|| default.to_owned()));
    let controller = node.get("controller")?;
    Some(Settings {
        directory: directory.to_owned(),
        suppression: suppression(node.get("suppression"), &stores, report),
        recipients: super::recipients::recipients(node.get("recipients"), report),
        controller: Controller { name: text(controller, "name")?, contact: text(controller, "contact")? },
        ledger: ledger(node, report)?,
        archive: super::archive::archive(node.get("archive"), report)?,
        sealed: path("sealed", "sealed"),
        signing_key: path("signing_key", "keys/certificate.key"),
        log_key: path("log_key", "keys/log.key"),
        sealing_key: path("sealing_key", "keys/sealing.key"),
        author: text(node, "author"),
        stores,
        schedules: schedules(node.get("schedules")),
        daemon: daemon(node.get("daemon"))?,
        approvals: approvals(node.get("approvals"), report),
        guards: guards(node.get("guards"), Guards::default()),
        drift: drift(node.get("drift")),
        clock_tolerance: parsed::<Period>(node, "clock_tolerance")
            .map_or(CLOCK_TOLERANCE, |period| Duration::from_secs(period.total_seconds())),
        pause_file: text(node, "pause_file").map(PathBuf::from),
        language: if text(node, "language").as_deref() == Some("fr") { Language::Fr } else { Language::En },
        notification: outside::notification(node.get("notification"), report),
        http: outside::http(node.get("http"), report),
    })
}

fn ledger(node: &Node, report: &mut Report<'_>) -> Option<LedgerSettings> {
    let text = text(node, "ledger").unwrap_or_else(|| "sqlite://state/ledger.db".to_owned());
    if let Some(path) = text.strip_prefix("sqlite://") {
        return Some(LedgerSettings::Sqlite { path: PathBuf::from(path) });
    }
    let address = SecretText::parse(&text).ok()?;
    warn_of_plain_secret("the ledger", "ledger", &address, node, report);
    Some(LedgerSettings::Postgres { address })
}

fn stores(node: &Node, report: &mut Report<'_>) -> BTreeMap<String, Store> {
    let mut stores = BTreeMap::new();
    for (entry, value) in node.entries() {
        if let Some(store) = store(&entry.text, value, report) {
            stores.insert(entry.text.clone(), store);
        }
    }
    stores
}

fn store(name: &str, node: &Node, report: &mut Report<'_>) -> Option<Store> {
    let kind_node = node.get("kind")?;
    let kind = match kind_node.text()? {
        "sqlite" => StoreKind::Sqlite,
        "directory" => StoreKind::Directory,
        "postgres" => StoreKind::Postgres,
        "mysql" => StoreKind::Mysql,
        "s3" => StoreKind::S3,
        _ => return None,
    };
    refuse_foreign_keys(name, kind, node, report);
    let connection = connection(name, kind, node, report)?;
    let location = match &connection {
        Connection::Sqlite { reader, .. }
        | Connection::Postgres { reader, .. }
        | Connection::Mysql { reader, .. } => reader.public_form(),
        Connection::Directory { path } => path.public_form(),
        Connection::S3(bucket) => {
            let endpoint = bucket.endpoint.as_ref().map(SecretText::public_form);
            format!("s3://{} {}", bucket.name, endpoint.as_deref().unwrap_or(&bucket.region))
        }
    };
    Some(Store {
        terms: StoreTerms {
            kind,
            alias: text(node, "alias"),
            backups_kept: parsed(node, "backups_kept"),
            logs_kept: parsed(node, "logs_kept"),
            drops_partitions: text(node, "partitions").as_deref() == Some("drop"),
            location,
            bypass_governance: boolean(node, "bypass_governance").unwrap_or(false),
        },
        connection,
    })
}

/// Nothing that is written is ignored.
fn refuse_foreign_keys(name: &str, kind: StoreKind, node: &Node, report: &mut Report<'_>) {
    let of_buckets = ["bucket", "region", "endpoint", "path_style", "ca", "bypass_governance", "inventory"];
    let foreign: &[&str] = match kind {
        StoreKind::Sqlite => &["connections", "vacuum", "logs_kept", "partitions"],
        StoreKind::Directory => &["reader", "writer", "connections", "vacuum", "logs_kept", "partitions"],
        StoreKind::Postgres => &["path"],
        StoreKind::Mysql => &["path", "vacuum", "partitions"],
        StoreKind::S3 => &["path", "connections", "vacuum", "logs_kept", "partitions"],
    };
    let of_others = if kind == StoreKind::S3 { &[][..] } else { &of_buckets[..] };
    let foreign: Vec<&str> = foreign.iter().chain(of_others).copied().collect();
    for (entry, _) in node.entries().iter().filter(|(entry, _)| foreign.contains(&entry.text.as_str())) {
        let message = format!("`{}` does not go with the kind of store `{name}`", entry.text);
        report.error("not-for-this-kind", entry.place, message, None);
    }
}

fn connection(name: &str, kind: StoreKind, node: &Node, report: &mut Report<'_>) -> Option<Connection> {
    let secret = |key: &str| node.get(key).and_then(Node::text).and_then(|text| SecretText::parse(text).ok());
    match kind {
        StoreKind::S3 => {
            super::bucket::bucket(name, node, report).map(|bucket| Connection::S3(Box::new(bucket)))
        }
        StoreKind::Directory => {
            let Some(path) = secret("path") else {
                report.error("missing-key", node.place, format!("store `{name}` lacks `path`"), None);
                return None;
            };
            Some(Connection::Directory { path })
        }
        StoreKind::Sqlite => {
            let pair = match (secret("path"), secret("reader"), secret("writer")) {
                (Some(path), None, None) => Some((path.clone(), path)),
                (None, Some(reader), Some(writer)) => Some((reader, writer)),
                _ => None,
            };
            let Some((reader, writer)) = pair else {
                let message = format!("store `{name}` is opened by `path`, or by `reader` and `writer`");
                report.error("bad-connection", node.place, message, None);
                return None;
            };
            let whose = format!("store `{name}`");
            for (key, text) in [("reader", &reader), ("writer", &writer)] {
                warn_of_plain_secret(&whose, key, text, node, report);
            }
            Some(Connection::Sqlite { reader, writer })
        }
        StoreKind::Postgres | StoreKind::Mysql => {
            let (Some(reader), Some(writer)) = (secret("reader"), secret("writer")) else {
                let message = format!("store `{name}` is opened by `reader` and `writer`");
                let hint = format!("addresses such as {}://role@host/database", scheme(kind));
                report.error("bad-connection", node.place, message, Some(hint));
                return None;
            };
            for (key, text) in [("reader", &reader), ("writer", &writer)] {
                warn_of_plain_secret(&format!("store `{name}`"), key, text, node, report);
            }
            if reader == writer {
                let message = format!("store `{name}` is read and written with the same credentials");
                let hint = "give the reader a role that cannot write: `oubliette grants` says how".to_owned();
                report.warning("same-credentials", node.place, message, Some(hint));
            }
            let options = ServerOptions {
                connections: parsed(node, "connections").unwrap_or(1),
                vacuums: text(node, "vacuum").as_deref() != Some("left_to_server"),
            };
            Some(if kind == StoreKind::Mysql {
                Connection::Mysql { reader, writer, options }
            } else {
                Connection::Postgres { reader, writer, options }
            })
        }
    }
}

fn scheme(kind: StoreKind) -> &'static str {
    if kind == StoreKind::Mysql { "mysql" } else { "postgres" }
}

pub(super) fn warn_of_plain_secret(
    whose: &str,
    key: &str,
    text: &SecretText,
    node: &Node,
    report: &mut Report<'_>,
) {
    if text.has_plain_password() {
        let place = node.get(key).map_or(node.place, |value| value.place);
        let message = format!("{whose} has a password in plain text");
        report.warning("plain-secret", place, message, Some("write ${env:NAME} or ${file:PATH}".to_owned()));
    }
}

fn schedules(node: Option<&Node>) -> BTreeMap<String, Schedule> {
    let read = |node: &Node| {
        Some(Schedule {
            cron: Cron::parse(node.get("cron")?.text()?).ok()?,
            time_zone: parsed(node, "time_zone")?,
            policies: texts_of(node, "policies"),
            window: parsed(node, "window"),
            jitter: parsed::<Period>(node, "jitter")
                .map_or(Duration::ZERO, |period| Duration::from_secs(period.total_seconds())),
            missed: match text(node, "missed").as_deref() {
                Some("at_once") => MissedRuns::AtOnce,
                _ => MissedRuns::NextWindow,
            },
        })
    };
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|(entry, node)| Some((entry.text.clone(), read(node)?))).collect()
}

fn daemon(node: Option<&Node>) -> Option<DaemonSettings> {
    let word = |key: &str| node.and_then(|node| text(node, key));
    let jump = node.and_then(|node| node.get("jump"));
    let count = |key: &str, usual: u64| jump.and_then(|node| parsed(node, key)).unwrap_or(usual);
    let scan = node.and_then(|node| node.get("scan"));
    let scan_cron = scan.and_then(|node| text(node, "cron"));
    Some(DaemonSettings {
        dry_run: word("mode").as_deref() == Some("dry_run"),
        dry_run_reminder_days: node
            .and_then(|node| parsed(node, "dry_run_reminder"))
            .unwrap_or(DRY_RUN_REMINDER_DAYS),
        jump: JumpGuard { factor: count("factor", JUMP_FACTOR), floor: count("floor", JUMP_FLOOR) },
        scan_cron: Cron::parse(scan_cron.as_deref().unwrap_or(SCAN_CRON)).ok()?,
        scan_zone: scan.and_then(|node| parsed(node, "time_zone")).unwrap_or(Tz::UTC),
        stop_within: node
            .and_then(|node| parsed::<Period>(node, "stop_within"))
            .map_or(STOP_WITHIN, |period| Duration::from_secs(period.total_seconds())),
        helps: node.and_then(|node| boolean(node, "helps")).unwrap_or(true),
    })
}

fn approvals(node: Option<&Node>, report: &mut Report<'_>) -> Approvals {
    let nobody = |node: &&Node| {
        let has_approver = node.get("approvers").is_some_and(|approvers| !approvers.items().is_empty());
        boolean(node, "require_signature") == Some(true) && !has_approver
    };
    if let Some(node) = node.filter(nobody) {
        let message = "every approval must be signed, and nobody has a key".to_owned();
        let hint = Some("add `approvers`, each with `name` and `key`".to_owned());
        report.error("nobody-can-approve", node.place, message, hint);
    }
    Approvals {
        approver_not_author: node.and_then(|node| boolean(node, "approver_not_author")).unwrap_or(true),
        plan_valid_for: node
            .and_then(|node| parsed(node, "plan_valid_for"))
            .unwrap_or_else(|| Period::days_of(PLAN_VALID_DAYS)),
        approvers: node.and_then(|node| node.get("approvers")).map(approvers).unwrap_or_default(),
        require_signature: node.and_then(|node| boolean(node, "require_signature")).unwrap_or(false),
    }
}

fn approvers(node: &Node) -> Vec<Approver> {
    let approver = |node: &Node| {
        Some(Approver { name: text(node, "name")?, key: ApproverKey::parse(&text(node, "key")?).ok()? })
    };
    node.items().iter().filter_map(approver).collect()
}

fn suppression(
    node: Option<&Node>,
    stores: &BTreeMap<String, Store>,
    report: &mut Report<'_>,
) -> Suppression {
    let longest = stores.values().filter_map(|store| store.terms.backups_kept).max_by_key(|kept| days(*kept));
    let is_known = stores.values().all(|store| store.terms.backups_kept.is_some());
    let longest = longest.unwrap_or_else(|| Period::days_of(0));
    let usual = if is_known { days(longest) } else { days(longest).max(SUPPRESSION_UNKNOWN_DAYS) };
    let usual = Period::days_of(usual.saturating_add(SUPPRESSION_MARGIN_DAYS));
    let kept_for = node.and_then(|node| parsed::<Period>(node, "kept_for")).unwrap_or(usual);
    if days(kept_for) < days(longest)
        && let Some(place) = node.and_then(|node| node.get("kept_for")).map(|node| node.place)
    {
        let message = format!("erased persons are forgotten before the last backup ends ({longest})");
        let hint = "what is restored later could not be erased again: keep the hashes for longer".to_owned();
        report.warning("suppression-too-short", place, message, Some(hint));
    }
    let look = node.and_then(|node| text(node, "look"));
    Suppression { kept_for, at_runs: look.as_deref() != Some("when_asked") }
}

/// The most days that a period can have.
fn days(period: Period) -> u32 {
    u32::try_from(period.seconds_range().1.div_ceil(24 * 60 * 60)).unwrap_or(u32::MAX)
}

fn drift(node: Option<&Node>) -> DriftMargin {
    let usual = DriftMargin::default();
    let share = node.and_then(|node| node.get("max_share")).and_then(Node::text).and_then(parse_share);
    DriftMargin {
        share_max: share.unwrap_or(usual.share_max),
        records_max: node.and_then(|node| parsed(node, "max_records")).unwrap_or(usual.records_max),
    }
}
