//! Marks: a row that each batch leaves in a table of ours, in the batch's own transaction, so that after a lost
//! answer the store tells for certain whether the batch became durable, whatever others did to its records.
//!
//! The table is made by an administrator ([`crate::sql::grants`]); where there is none, only the records can be
//! looked at. A transaction's number would not do: after a crash a server may give it to somebody else.

use super::backend::Backend;
use super::session::Lease;
use crate::error::ConnectorError;
use crate::sql::{SqlText, marks};
use crate::value::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Which run, without telling.
fn run_of(scope: &str) -> SqlText {
    let mut text = String::new();
    for byte in Sha256::digest(scope.as_bytes()).iter().take(16) {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    SqlText::value(Value::Text(text))
}

fn text(text: &str) -> SqlText {
    SqlText::value(Value::Text(text.to_owned()))
}

/// Whether the table is there and can be read.
pub(super) async fn are_kept<B: Backend>(lease: &mut Lease<'_, B>) -> Result<bool, ConnectorError> {
    let mut sql = SqlText::fill(
        "SELECT table_name FROM information_schema.tables WHERE table_name = {0} AND table_schema = ",
        &[&text(marks::TABLE)],
    );
    sql.push(lease.backend().default_schema());
    Ok(!lease.rows(marks::TABLE, sql).await?.is_empty())
}

/// Leaves a mark in the transaction that is open, and tells what it is.
pub(super) async fn leave<B: Backend>(
    lease: &mut Lease<'_, B>,
    scope: &str,
) -> Result<String, ConnectorError> {
    let mut sql = SqlText::new("SELECT ");
    sql.push(lease.backend().unique_text());
    let Some(Value::Text(mark)) = lease.row(marks::TABLE, sql).await?.into_iter().next() else {
        return Err(lease.unexpected());
    };
    let sql = SqlText::fill(
        "INSERT INTO oubliette_batch (mark, run) VALUES ({0}, {1})",
        &[&text(&mark), &run_of(scope)],
    );
    lease.execute(marks::TABLE, sql).await?;
    Ok(mark)
}

/// Whether a mark was left durably.
pub(super) async fn is_there<B: Backend>(
    lease: &mut Lease<'_, B>,
    mark: &str,
) -> Result<bool, ConnectorError> {
    let sql = SqlText::fill("SELECT mark FROM oubliette_batch WHERE mark = {0}", &[&text(mark)]);
    Ok(!lease.rows(marks::TABLE, sql).await?.is_empty())
}

/// Takes the marks of a run away, whose batches are all settled.
pub(super) async fn take_away<B: Backend>(
    lease: &mut Lease<'_, B>,
    scope: &str,
) -> Result<(), ConnectorError> {
    let sql = SqlText::fill("DELETE FROM oubliette_batch WHERE run = {0}", &[&run_of(scope)]);
    lease.execute(marks::TABLE, sql).await.map(drop)
}
