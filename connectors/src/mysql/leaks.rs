//! What of the server keeps or copies erased values: logs of statements, the binary log, replicas,
//! triggers.
//!
//! Settings are told to everybody. Who follows the server, and the text of triggers, need rights; without
//! them that is told as not seen.

use super::MySqlBackend;
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakKind, may_copy, or_unseen};
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::mysql::MySqlConnection;
use std::collections::BTreeMap;

const SETTINGS: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('general_log', 'slow_query_log', 'long_query_time', \
     'server_audit_logging', 'server_audit_events', 'audit_log_policy', 'log_output', 'log_bin', 'binlog_format', \
     'binlog_row_image', 'binlog_expire_logs_seconds', 'expire_logs_days', 'binlog_annotate_row_events', 'log_slow_query')";

const SECONDS_OF_A_DAY: f64 = 86_400.0;

pub(super) async fn leaks(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    tables: &[DatasetAddress],
) -> Result<Vec<Leak>, ConnectorError> {
    let settings = pairs(backend.rows(connection, "", SqlText::new(SETTINGS)).await?);
    let mut leaks = Vec::new();
    leaks.extend(statement_log(&settings));
    leaks.extend(binary_log(&settings));
    leaks.extend(replicas(backend, connection).await?);
    for address in tables {
        let found = triggers(backend, connection, address).await;
        let found = or_unseen(found, LeakKind::CopyingTrigger, "TRIGGER")?;
        leaks.extend(found.into_iter().map(|leak| leak.of(&address.dataset)));
    }
    Ok(leaks)
}

type Settings = BTreeMap<String, String>;

/// Names in lower case.
fn pairs(rows: Vec<Vec<Value>>) -> Settings {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    };
    let pair = |row: Vec<Value>| Some((text(row.first()?)?.to_ascii_lowercase(), text(row.get(1)?)?));
    rows.into_iter().filter_map(pair).collect()
}

fn is_on(settings: &Settings, name: &str) -> bool {
    settings.get(name).is_some_and(|value| value.eq_ignore_ascii_case("on") || value == "1")
}

fn sign(settings: &Settings, name: &str) -> Option<String> {
    settings.get(name).map(|value| format!("{name} = {value}"))
}

/// These logs hold each statement with its values filled in.
fn statement_log(settings: &Settings) -> Option<Leak> {
    let mut signs = Vec::new();
    if is_on(settings, "general_log") {
        signs.extend(sign(settings, "general_log"));
    }
    if is_on(settings, "slow_query_log") {
        signs.extend(sign(settings, "slow_query_log"));
        signs.extend(sign(settings, "long_query_time"));
    }
    if is_on(settings, "server_audit_logging") {
        signs.extend(sign(settings, "server_audit_logging"));
    }
    if settings.get("audit_log_policy").is_some_and(|policy| !policy.eq_ignore_ascii_case("none")) {
        signs.extend(sign(settings, "audit_log_policy"));
    }
    (!signs.is_empty()).then(|| Leak::seen(LeakKind::StatementLog, signs))
}

/// With the image MINIMAL a deleted row leaves its key there; with any other, all that it held.
fn binary_log(settings: &Settings) -> Option<Leak> {
    if !is_on(settings, "log_bin") {
        return None;
    }
    let number = |name: &str| settings.get(name).and_then(|value| value.parse::<f64>().ok());
    let seconds = number("binlog_expire_logs_seconds").filter(|seconds| *seconds > 0.0);
    let seconds = seconds.or(number("expire_logs_days").map(|days| days * SECONDS_OF_A_DAY));
    let names = ["binlog_format", "binlog_row_image", "binlog_expire_logs_seconds", "expire_logs_days"];
    let signs = names.iter().filter_map(|name| sign(settings, name)).collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and a few years at most"
    )]
    let kept_seconds = seconds.filter(|seconds| *seconds >= 1.0).map(|seconds| seconds.ceil() as u64);
    Some(Leak { kept_seconds, ..Leak::seen(LeakKind::BinaryLog, signs) })
}

/// Replicas read the binary log in sessions of their own; a Galera cluster has all of it on every node.
async fn replicas(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
) -> Result<Vec<Leak>, ConnectorError> {
    const STATUS: &str =
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Slaves_connected', 'wsrep_cluster_size')";
    const SEES_SESSIONS: &str =
        "SELECT count(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS'";
    const SENDERS: &str =
        "SELECT count(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    let status = pairs(backend.rows(connection, "", SqlText::new(STATUS)).await?);
    let count = |name: &str| status.get(name).and_then(|value| value.parse::<i64>().ok());
    let mut signs = Vec::new();
    if let Some(nodes) = count("wsrep_cluster_size").filter(|nodes| *nodes > 1) {
        signs.push(format!("wsrep_cluster_size = {nodes}"));
    }
    let mut followers = count("slaves_connected");
    if followers.is_none() && whole(backend, connection, SEES_SESSIONS).await? > 0 {
        followers = Some(whole(backend, connection, SENDERS).await?);
    }
    signs.extend(followers.filter(|count| *count > 0).map(|count| format!("{count} connected")));
    let mut leaks = Vec::new();
    if !signs.is_empty() {
        leaks.push(Leak::seen(LeakKind::Standby, signs));
    }
    if followers.is_none() {
        leaks.push(Leak::unseen(LeakKind::Standby, "PROCESS"));
    }
    Ok(leaks)
}

async fn whole(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    sql: &'static str,
) -> Result<i64, ConnectorError> {
    match backend.row(connection, SqlText::new(sql)).await?.first() {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(backend.failed("a count could not be read")),
    }
}

/// Triggers on delete or update that may write what a row held.
async fn triggers(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    address: &DatasetAddress,
) -> Result<Vec<Leak>, ConnectorError> {
    const SEES: &str = "SELECT count(*) FROM (\
         SELECT PRIVILEGE_TYPE AS p FROM information_schema.USER_PRIVILEGES \
         UNION ALL SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE {0} LIKE TABLE_SCHEMA ESCAPE '\\' \
         UNION ALL SELECT PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = {1}\
         ) AS r WHERE p = 'TRIGGER'";
    const TRIGGERS: &str = "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS \
         WHERE EVENT_OBJECT_SCHEMA = {0} AND EVENT_OBJECT_TABLE = {1} AND EVENT_MANIPULATION <> 'INSERT' \
         ORDER BY TRIGGER_NAME";
    let Location::Table { schema, table } = &address.location else { return Ok(Vec::new()) };
    let text = |text: &str| SqlText::value(Value::Text(text.to_owned()));
    let names = [text(schema.as_deref().unwrap_or(&backend.database.name)), text(table)];
    let filled = |template| SqlText::fill(template, &[&names[0], &names[1]]);
    if backend.row(connection, filled(SEES)).await?.first() == Some(&Value::Int(0)) {
        return Ok(vec![Leak::unseen(LeakKind::CopyingTrigger, "TRIGGER")]);
    }
    let rows = backend.rows(connection, &address.dataset, filled(TRIGGERS)).await?;
    let copies = |row: Vec<Value>| match row.as_slice() {
        [Value::Text(name), Value::Text(text)] if may_copy(text, false) => Some(name.clone()),
        _ => None,
    };
    let signs: Vec<String> = rows.into_iter().filter_map(copies).collect();
    Ok(if signs.is_empty() { Vec::new() } else { vec![Leak::seen(LeakKind::CopyingTrigger, signs)] })
}
