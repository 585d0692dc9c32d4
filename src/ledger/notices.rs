//! Notices to recipients: how each stands in clear, and sealed the identities that it tells.
//!
//! Floor 6. What names the person is destroyed in the very write that ends a notice.

use super::rows::{instant_of, signed, text_of, unsigned};
use super::statement::{Row, statement};
use super::{Ledger, LedgerError};
use crate::erasure::recipient::{Notice, NoticeState};
use crate::subject::Identity;
use std::collections::BTreeSet;

const COLUMNS: [&str; 2] = [
    "SELECT notice_id, request_id, certificate_id, recipient, state, made_at, attempts, next_at, told_at, failure
     FROM notice WHERE request_id = $1 ORDER BY line",
    "SELECT notice_id, request_id, certificate_id, recipient, state, made_at, attempts, next_at, told_at, failure
     FROM notice WHERE state NOT IN ('told', 'not_possible') ORDER BY line",
];

fn place_of(notice_id: &str) -> String {
    format!("ledger/notice/{notice_id}")
}

impl Ledger {
    /// Keeps new notices, all or none.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn add_notices(&self, notices: &[(Notice, BTreeSet<Identity>)]) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        for (notice, identities) in notices {
            let sealed = self.secret.seal(&place_of(&notice.notice_id), identities)?;
            statement(
                "INSERT INTO notice (notice_id, request_id, certificate_id, recipient, state, made_at, attempts,
                     next_at, sealed)
                 VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)",
            )
            .bind(&notice.notice_id)
            .bind(&notice.request_id)
            .bind(&notice.certificate_id)
            .bind(&notice.recipient)
            .bind(notice.state.as_str())
            .bind(text_of(notice.made_at))
            .bind(notice.next_at.map(text_of))
            .bind(sealed)
            .execute(&mut work)
            .await?;
        }
        work.commit().await
    }

    /// Keeps how a notice stands now. One that ends forgets the identities.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn update_notice(&self, notice: &Notice) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "UPDATE notice SET state = $2, attempts = $3, next_at = $4, told_at = $5, failure = $6
             WHERE notice_id = $1",
        )
        .bind(&notice.notice_id)
        .bind(notice.state.as_str())
        .bind(signed(u64::from(notice.attempts))?)
        .bind(notice.next_at.map(text_of))
        .bind(notice.told_at.map(text_of))
        .bind(notice.failure.clone())
        .execute(&mut work)
        .await?;
        if notice.state.is_final() {
            statement("UPDATE notice SET sealed = NULL WHERE notice_id = $1")
                .bind(&notice.notice_id)
                .execute(&mut work)
                .await?;
        }
        work.commit().await?;
        if notice.state.is_final() { self.store.forget().await } else { Ok(()) }
    }

    /// The notices of a request, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn notices_of_request(&self, request_id: &str) -> Result<Vec<Notice>, LedgerError> {
        let [of_request, _] = COLUMNS;
        self.store.all(statement(of_request).bind(request_id)).await?.iter().map(notice_of).collect()
    }

    /// Every notice that has not ended, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_notices(&self) -> Result<Vec<Notice>, LedgerError> {
        let [_, open] = COLUMNS;
        self.store.all(statement(open)).await?.iter().map(notice_of).collect()
    }

    /// What a notice tells; `None` once it is destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn notice_identities(
        &self,
        notice_id: &str,
    ) -> Result<Option<BTreeSet<Identity>>, LedgerError> {
        let asked = statement("SELECT sealed FROM notice WHERE notice_id = $1").bind(notice_id);
        let Some(row) = self.store.optional(asked).await? else { return Ok(None) };
        let sealed = row.optional_bytes("sealed")?;
        sealed.map(|sealed| self.secret.open(&place_of(notice_id), sealed)).transpose()
    }
}

fn notice_of(row: &Row) -> Result<Notice, LedgerError> {
    let instant = |column: &str| row.optional_text(column)?.as_deref().map(instant_of).transpose();
    Ok(Notice {
        notice_id: row.text("notice_id")?,
        request_id: row.text("request_id")?,
        certificate_id: row.text("certificate_id")?,
        recipient: row.text("recipient")?,
        state: NoticeState::parse(&row.text("state")?).ok_or(LedgerError::Damaged)?,
        made_at: instant_of(&row.text("made_at")?)?,
        attempts: u32::try_from(unsigned(row.number("attempts")?)?).map_err(|_| LedgerError::Damaged)?,
        next_at: instant("next_at")?,
        told_at: instant("told_at")?,
        failure: row.optional_text("failure")?,
    })
}
