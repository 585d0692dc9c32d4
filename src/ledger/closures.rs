//! Closures: statements that copies which outlived a run have ended.
//!
//! Floor 6. A closure is fixed here before anything of it is published, and taken up again until its
//! certificate is in the archive.

use super::statement::{Row, statement};
use super::{Ledger, LedgerError};
use crate::journal::JournalError;
use connectors::failpoint;

/// One closure as it was fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosureRecord {
    /// The same for the same copies of the same certificate.
    pub closure_id: String,
    /// The certificate on which the copies stand.
    pub closes: String,
    /// Its own certificate.
    pub certificate_id: String,
    /// What is announced in the log before (canonical JSON).
    pub announcement: String,
    /// What is to be stated (JSON): all but the place of the announcement in the log.
    pub draft: String,
}

impl Ledger {
    /// Fixes a closure, unless the same one is fixed already. Whoever lost the right to act is refused.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn begin_closure(&self, closure: &ClosureRecord) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        statement(
            "INSERT INTO closure (closure_id, closes, certificate_id, announcement, draft, published)
             VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (closure_id) DO NOTHING",
        )
        .bind(&closure.closure_id)
        .bind(&closure.closes)
        .bind(&closure.certificate_id)
        .bind(&closure.announcement)
        .bind(&closure.draft)
        .execute(&mut work)
        .await?;
        failpoint::hit("before-closure-fixed");
        work.commit().await?;
        failpoint::hit("after-closure-fixed");
        Ok(())
    }

    /// Closures that are fixed and not yet in the archive, as far as is known.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_closures(&self) -> Result<Vec<ClosureRecord>, LedgerError> {
        let open = statement(
            "SELECT closure_id, closes, certificate_id, announcement, draft FROM closure
             WHERE published = 0 ORDER BY closure_id",
        );
        self.store.all(open).await?.iter().map(closure_of).collect()
    }

    /// Remembers that the certificate of a closure is in the archive.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn end_closure(&self, closure_id: &str) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        statement("UPDATE closure SET published = 1 WHERE closure_id = $1")
            .bind(closure_id)
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }
}

fn closure_of(row: &Row) -> Result<ClosureRecord, LedgerError> {
    Ok(ClosureRecord {
        closure_id: row.text("closure_id")?,
        closes: row.text("closes")?,
        certificate_id: row.text("certificate_id")?,
        announcement: row.text("announcement")?,
        draft: row.text("draft")?,
    })
}
