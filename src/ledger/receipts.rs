//! What the receipts of persons are made of: where the records of a request's certificate were, sealed.
//!
//! Floor 6. It is kept apart from the request, whose own papers are destroyed when it ends, and for a while
//! only: the caller says until when.

use super::rows::text_of;
use super::statement::statement;
use super::{Ledger, LedgerError};
use crate::certificate::receipt::Locator;
use chrono::{DateTime, Utc};

fn place_of(certificate_id: &str) -> String {
    format!("ledger/receipt/{certificate_id}")
}

impl Ledger {
    /// Keeps where the records of a certificate were; again changes nothing.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn keep_locators(
        &self,
        request_id: &str,
        certificate_id: &str,
        locators: &[Locator],
        at: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let sealed = self.secret.seal(&place_of(certificate_id), &locators)?;
        let mut work = self.store.write().await?;
        statement(
            "INSERT INTO request_receipt (certificate_id, request_id, at, sealed) VALUES ($1, $2, $3, $4)
             ON CONFLICT (certificate_id) DO NOTHING",
        )
        .bind(certificate_id)
        .bind(request_id)
        .bind(text_of(at))
        .bind(sealed)
        .execute(&mut work)
        .await?;
        work.commit().await
    }

    /// Where the records of a certificate were; `None` once that is destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn locators(&self, certificate_id: &str) -> Result<Option<Vec<Locator>>, LedgerError> {
        let asked =
            statement("SELECT sealed FROM request_receipt WHERE certificate_id = $1").bind(certificate_id);
        let Some(row) = self.store.optional(asked).await? else { return Ok(None) };
        self.secret.open(&place_of(certificate_id), row.bytes("sealed")?).map(Some)
    }

    /// Destroys what was kept before an instant.
    ///
    /// # Errors
    /// When the ledger cannot be written. It can be repeated.
    pub async fn forget_locators_before(&self, at: DateTime<Utc>) -> Result<(), LedgerError> {
        let asked = statement("SELECT count(*) AS kept FROM request_receipt WHERE at < $1").bind(text_of(at));
        if self.store.one(asked).await?.number("kept")? == 0 {
            return Ok(());
        }
        let mut work = self.store.write().await?;
        statement("DELETE FROM request_receipt WHERE at < $1").bind(text_of(at)).execute(&mut work).await?;
        work.commit().await?;
        self.store.forget().await
    }

    /// Destroys what was kept for a request.
    ///
    /// # Errors
    /// When the ledger cannot be written. It can be repeated.
    pub async fn forget_locators_of(&self, request_id: &str) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement("DELETE FROM request_receipt WHERE request_id = $1")
            .bind(request_id)
            .execute(&mut work)
            .await?;
        work.commit().await?;
        self.store.forget().await
    }
}
