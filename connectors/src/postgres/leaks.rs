//! What of the server keeps or copies erased values: statement logs, archives, slots, standbys,
//! subscribers, triggers.
//!
//! Reads settings and catalogues that every role may read, and says so where one may not. What our own
//! sessions switch off for themselves ([`super::connect`]) is not known here: the writer tells it at the end
//! of a run.

use super::connect::{PostgresConnection, Server};
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakKind, LeakLook, may_copy};
use sqlx::Row as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long followers get to catch up after a run.
const LOOKS: u32 = 15;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The settings that decide what is written down. Those of an extension exist only where it is loaded.
const NAMES: [&str; 13] = [
    "log_statement",
    "log_min_duration_statement",
    "log_min_duration_sample",
    "log_statement_sample_rate",
    "log_transaction_sample_rate",
    "log_parameter_max_length",
    "auto_explain.log_min_duration",
    "pgaudit.log",
    "pgaudit.log_parameter",
    "pg_stat_statements.track",
    "archive_mode",
    "wal_level",
    "max_wal_senders",
];

pub(super) async fn leaks(
    server: &Server,
    connection: &mut PostgresConnection,
    tables: &[DatasetAddress],
    look: LeakLook,
) -> Result<Vec<Leak>, ConnectorError> {
    let fault = |error: sqlx::Error| server.fault("", &error);
    let settings = settings(connection).await.map_err(fault)?;
    let mut leaks = Vec::new();
    if let Some(mut leak) = statement_log(&settings) {
        // A superuser's session has switched its own values off.
        let own = "SELECT current_setting('log_parameter_max_length')";
        let own = connection.one(sqlx::query_scalar::<_, String>(own)).await.map_err(fault)?;
        if own != "0" {
            leak.signs.push(format!("log_parameter_max_length = {own} (of the reader)"));
        }
        leaks.push(leak);
    }
    let counted = settings.value("pg_stat_statements.track").filter(|track| *track != "none");
    leaks.extend(counted.map(|track| {
        Leak::seen(LeakKind::StatementStatistics, vec![format!("pg_stat_statements.track = {track}")])
    }));
    let archived = settings.value("archive_mode").filter(|mode| *mode != "off");
    leaks.extend(
        archived.map(|mode| Leak::seen(LeakKind::WalArchive, vec![format!("archive_mode = {mode}")])),
    );
    leaks.extend(followers(connection, look).await.map_err(fault)?);
    for address in tables {
        let fault = |error: sqlx::Error| server.fault(&address.dataset, &error);
        let Location::Table { schema, table } = &address.location else { continue };
        let place = (schema.as_deref().unwrap_or(super::shape::DEFAULT_SCHEMA), table.as_str());
        if settings.value("wal_level") == Some("logical") {
            leaks.extend(
                publications(connection, place).await.map_err(fault)?.map(|leak| leak.of(&address.dataset)),
            );
        }
        leaks.extend(triggers(connection, place).await.map_err(fault)?.map(|leak| leak.of(&address.dataset)));
    }
    Ok(leaks)
}

/// Values of settings: what a new session of whoever asks has, and what is set for other roles.
struct Settings {
    usual: BTreeMap<String, String>,
    /// For some role, or for this database.
    special: Vec<(String, String)>,
}

impl Settings {
    fn value(&self, name: &str) -> Option<&str> {
        self.usual.get(name).map(String::as_str)
    }

    /// The signs under which `is_on` holds for the setting, for somebody.
    fn signs(&self, name: &str, is_on: impl Fn(&str) -> bool) -> Vec<String> {
        let usual = self.value(name).filter(|value| is_on(value)).map(|value| format!("{name} = {value}"));
        let special = self.special.iter().filter(|(other, value)| other == name && is_on(value));
        let special = special.map(|(name, value)| format!("{name} = {value} (for a role or database)"));
        usual.into_iter().chain(special).collect()
    }
}

async fn settings(connection: &mut PostgresConnection) -> Result<Settings, sqlx::Error> {
    let names: Vec<String> = NAMES.map(str::to_owned).into();
    let query = "SELECT name, coalesce(reset_val, setting, '') FROM pg_settings WHERE name = ANY($1)";
    let mut usual = BTreeMap::new();
    for row in connection.all(sqlx::query(query).bind(names)).await? {
        usual.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let query = "SELECT DISTINCT unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = 0 \
         OR setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1";
    let mut special = Vec::new();
    for row in connection.all(sqlx::query(query)).await? {
        let text: String = row.try_get(0)?;
        if let Some((name, value)) = text.split_once('=') {
            special.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(Settings { usual, special })
}

/// Of the text of our statements nothing is personal; the values bound to them are keys, and what holds
/// look for. So a log counts only with its parameters. `auto_explain` shows them in its plans.
fn statement_log(settings: &Settings) -> Option<Leak> {
    let duration = |value: &str| !value.starts_with('-');
    let positive = |value: &str| value.parse::<f64>().is_ok_and(|rate| rate > 0.0);
    let mut signs = Vec::new();
    if settings.value("log_parameter_max_length") != Some("0") {
        signs.extend(settings.signs("log_statement", |value| matches!(value, "mod" | "all")));
        signs.extend(settings.signs("log_min_duration_statement", duration));
        if settings.value("log_statement_sample_rate").is_some_and(positive) {
            signs.extend(settings.signs("log_min_duration_sample", duration));
        }
        signs.extend(settings.signs("log_transaction_sample_rate", positive));
    }
    signs.extend(settings.signs("auto_explain.log_min_duration", duration));
    if settings.value("pgaudit.log_parameter") == Some("on") {
        signs.extend(settings.signs("pgaudit.log", |value| !value.is_empty() && value != "none"));
    }
    (!signs.is_empty()).then(|| Leak::seen(LeakKind::StatementLog, signs))
}

/// Slots, and servers that read the write-ahead log as it is written.
async fn followers(connection: &mut PostgresConnection, look: LeakLook) -> Result<Vec<Leak>, sqlx::Error> {
    const RECOVERING: &str = "SELECT pg_is_in_recovery()";
    if connection.one(sqlx::query_scalar::<_, bool>(RECOVERING)).await? {
        let missing = "pg_is_in_recovery() = true";
        return Ok([LeakKind::ReplicationSlot, LeakKind::Standby]
            .map(|kind| Leak::unseen(kind, missing))
            .into());
    }
    if look == LeakLook::Before {
        return follower_leaks(connection, None).await;
    }
    let mark = sqlx::query_scalar::<_, String>("SELECT CAST(pg_current_wal_insert_lsn() AS text)");
    let mark = connection.one(mark).await?;
    let mut found = Vec::new();
    for turn in 0..LOOKS {
        if turn > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        found = follower_leaks(connection, Some(&mark)).await?;
        if found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Those that are behind `mark`, or all if there is none. What a standby has taken is not told to every role.
async fn follower_leaks(
    connection: &mut PostgresConnection,
    mark: Option<&str>,
) -> Result<Vec<Leak>, sqlx::Error> {
    const SLOTS: &str = "SELECT CAST(slot_name AS text) || ' (' || CAST(slot_type AS text) \
           || CASE WHEN active THEN '' ELSE ', inactive' END \
           || coalesce(', keeps ' || pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)), '') || ')' \
         FROM pg_replication_slots WHERE NOT temporary AND ($1 IS NULL \
           OR (CASE slot_type WHEN 'logical' THEN confirmed_flush_lsn ELSE restart_lsn END >= CAST($1 AS pg_lsn)) IS NOT TRUE) \
         ORDER BY slot_name";
    const STANDBYS: &str = "SELECT coalesce(nullif(application_name, ''), 'a standby') || coalesce(' (' || state || ')', ''), \
           state IS NULL FROM pg_stat_replication \
         WHERE $1 IS NULL OR (replay_lsn >= CAST($1 AS pg_lsn)) IS NOT TRUE ORDER BY 1";
    let mut leaks = Vec::new();
    let mut signs = Vec::new();
    for row in connection.all(sqlx::query(SLOTS).bind(mark.map(str::to_owned))).await? {
        signs.push(row.try_get::<String, _>(0)?);
    }
    if !signs.is_empty() {
        leaks.push(Leak::seen(LeakKind::ReplicationSlot, signs));
    }
    let (mut signs, mut hidden) = (Vec::new(), false);
    for row in connection.all(sqlx::query(STANDBYS).bind(mark.map(str::to_owned))).await? {
        signs.push(row.try_get::<String, _>(0)?);
        hidden |= row.try_get::<bool, _>(1)?;
    }
    if hidden {
        signs.push("pg_monitor (to see how far)".to_owned());
    }
    if !signs.is_empty() {
        leaks.push(Leak::seen(LeakKind::Standby, signs));
    }
    Ok(leaks)
}

/// Publications of a table, or of one of its partitions, that send deletions or updates.
async fn publications(
    connection: &mut PostgresConnection,
    (schema, table): (&str, &str),
) -> Result<Option<Leak>, sqlx::Error> {
    const PUBLICATIONS: &str = "SELECT DISTINCT CAST(p.pubname AS text) || \
           CASE WHEN c.relreplident = 'f' THEN ' (REPLICA IDENTITY FULL: whole rows)' ELSE '' END \
         FROM pg_publication p JOIN pg_publication_tables t ON t.pubname = p.pubname \
           JOIN pg_namespace n ON n.nspname = t.schemaname \
           JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename \
           JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid) \
           JOIN pg_namespace rn ON rn.oid = r.relnamespace \
         WHERE (p.pubdelete OR p.pubupdate) AND rn.nspname = $1 AND r.relname = $2 ORDER BY 1";
    let query = sqlx::query(PUBLICATIONS).bind(schema.to_owned()).bind(table.to_owned());
    let signs: Vec<String> =
        connection.all(query).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok((!signs.is_empty()).then(|| Leak::seen(LeakKind::ChangeStream, signs)))
}

/// Triggers and rules on delete or update of a table, or of one of its partitions, that may write what a
/// row held. A function in C cannot be read; those that the server brings along copy nothing.
async fn triggers(
    connection: &mut PostgresConnection,
    (schema, table): (&str, &str),
) -> Result<Option<Leak>, sqlx::Error> {
    const TRIGGERS: &str = "WITH own AS ( \
           SELECT c.oid FROM pg_class c JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid) \
             JOIN pg_namespace n ON n.oid = r.relnamespace WHERE n.nspname = $1 AND r.relname = $2) \
         SELECT CAST(t.tgname AS text), CAST(l.lanname AS text), f.prosrc, \
           t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL \
         FROM pg_trigger t JOIN own ON own.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid \
           JOIN pg_language l ON l.oid = f.prolang \
         WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND (t.tgtype & 24) <> 0 \
         UNION SELECT CAST(w.rulename AS text), 'sql', pg_get_ruledef(w.oid), false \
         FROM pg_rewrite w JOIN own ON own.oid = w.ev_class WHERE w.ev_type IN ('2', '4') AND w.ev_enabled IN ('O', 'A') \
         ORDER BY 1";
    let query = sqlx::query(TRIGGERS).bind(schema.to_owned()).bind(table.to_owned());
    let mut signs: Vec<String> = Vec::new();
    for row in connection.all(query).await? {
        let (name, language): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (text, has_old_rows): (String, bool) = (row.try_get(2)?, row.try_get(3)?);
        let copies = match language.as_str() {
            "internal" => false,
            "plpgsql" | "sql" => may_copy(&text, has_old_rows),
            _ => true,
        };
        if copies && !signs.contains(&name) {
            signs.push(name);
        }
    }
    Ok((!signs.is_empty()).then(|| Leak::seen(LeakKind::CopyingTrigger, signs)))
}

/// Whether this session writes statements to the log, but without the values that are bound to them.
pub(super) async fn keeps_values_from_log(connection: &mut PostgresConnection) -> Result<bool, sqlx::Error> {
    let own = "SELECT current_setting('log_parameter_max_length') = '0'";
    let is_off = connection.one(sqlx::query_scalar::<_, bool>(own)).await?;
    if !is_off {
        return Ok(false);
    }
    let settings = settings(connection).await?;
    let Some(leak) = statement_log(&settings) else { return Ok(false) };
    // What the parameters of the log do not switch off is another matter.
    Ok(!leak.signs.iter().any(|sign| sign.starts_with("auto_explain") || sign.starts_with("pgaudit")))
}
