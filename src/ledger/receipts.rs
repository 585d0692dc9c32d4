//! What the receipts of persons are made of: where the records of a request's certificate were, sealed.
//!
//! Floor 6. It is kept apart from the request, whose own papers are destroyed when it ends, and for a while
//! only: the caller says until when.

use super::rows::text_of;
use super::statement::statement;
use super::{Ledger, LedgerError};
use crate::certificate::receipt::Locator;
use chrono::{DateTime, Utc};

fn place_of(certificate_id: &str, request_id: &str) -> String {
    format!("ledger/receipt/{certificate_id}/{request_id}")
}

/// Where it stood as long as a certificate was for one request.
fn former_place_of(certificate_id: &str) -> String {
    format!("ledger/receipt/{certificate_id}")
}

impl Ledger {
    /// Keeps where the records on a certificate were, of each of its requests; again changes nothing.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn keep_locators(
        &self,
        certificate_id: &str,
        locators: &[(&str, Vec<Locator>)],
        at: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        for (request_id, locators) in locators {
            let sealed = self.secret.seal(&place_of(certificate_id, request_id), locators)?;
            statement(
                "INSERT INTO request_receipt (certificate_id, request_id, at, sealed) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (certificate_id, request_id) DO NOTHING",
            )
            .bind(certificate_id)
            .bind(*request_id)
            .bind(text_of(at))
            .bind(sealed)
            .execute(&mut work)
            .await?;
        }
        work.commit().await
    }

    /// Where the records of a request on a certificate were; `None` once that is destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn locators(
        &self,
        certificate_id: &str,
        request_id: &str,
    ) -> Result<Option<Vec<Locator>>, LedgerError> {
        let asked =
            statement("SELECT sealed FROM request_receipt WHERE certificate_id = $1 AND request_id = $2")
                .bind(certificate_id)
                .bind(request_id);
        let Some(row) = self.store.optional(asked).await? else { return Ok(None) };
        let sealed = row.bytes("sealed")?;
        match self.secret.open(&place_of(certificate_id, request_id), sealed.clone()) {
            Err(LedgerError::WrongKey) => {
                self.secret.open(&former_place_of(certificate_id), sealed).map(Some)
            }
            opened => opened.map(Some),
        }
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
