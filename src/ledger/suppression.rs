//! Suppression: keyed hashes of erased persons, each with an end, and the newest look for them.
//!
//! Floor 6. Nothing in here can be opened: the hashes are made above under a key that is in no ledger.

use super::requests::request_of;
use super::rows::{instant_of, json_of, text_of};
use super::statement::statement;
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::erasure::returned::Look;
use crate::erasure::suppression::{Suppressed, SuppressedForm};
use crate::subject::FormHash;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// What a run of a request leaves.
#[derive(Debug, Clone)]
pub struct Suppression<'a> {
    pub request_id: &'a str,
    pub certificate_id: &'a str,
    pub erased_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub forms: BTreeSet<SuppressedForm>,
    /// Those of identities that the person gave.
    pub given: BTreeSet<FormHash>,
    /// In the place of what was known to be kept before.
    pub kept: &'a BTreeSet<FormHash>,
}

impl Ledger {
    /// Keeps, or keeps for longer, all or none. The first erasure and its certificate stay; what is kept is replaced.
    ///
    /// # Errors
    /// When the ledger cannot be written. It can be repeated.
    pub async fn suppress(&self, all: &[Suppression<'_>]) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        for one in all {
            suppress_one(&mut work, one).await?;
        }
        work.commit().await
    }

    /// Lets an entry end later: what was done again may be in newer backups.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn prolong_suppression(
        &self,
        request_id: &str,
        erased_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "UPDATE suppression SET last_erased_at = $2, expires_at = $3
             WHERE request_id = $1 AND expires_at < $3",
        )
        .bind(request_id)
        .bind(text_of(erased_at))
        .bind(text_of(expires_at))
        .execute(&mut work)
        .await?;
        work.commit().await
    }

    /// Whether there is an entry of one of these requests.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn suppresses_any(&self, request_ids: &[&str]) -> Result<bool, LedgerError> {
        for request_id in request_ids {
            let asked =
                statement("SELECT request_id FROM suppression WHERE request_id = $1").bind(*request_id);
            if self.store.optional(asked).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every entry that has not expired, by request.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn suppressed(&self, now: DateTime<Utc>) -> Result<Vec<Suppressed>, LedgerError> {
        let mut work = self.store.read().await?;
        let rows = statement(
            "SELECT s.request_id, s.certificate_id, s.erased_at, s.last_erased_at, s.expires_at, r.value
             FROM suppression s JOIN request r ON r.request_id = s.request_id
             WHERE s.expires_at > $1 ORDER BY r.line",
        )
        .bind(text_of(now))
        .all(&mut work)
        .await?;
        let mut persons = Vec::with_capacity(rows.len());
        for row in &rows {
            let request_id = row.text("request_id")?;
            let (forms, given) = forms(&mut work, &request_id).await?;
            persons.push(Suppressed {
                request: request_of(row)?,
                certificate_id: row.text("certificate_id")?,
                erased_at: instant_of(&row.text("erased_at")?)?,
                last_erased_at: instant_of(&row.text("last_erased_at")?)?,
                expires_at: instant_of(&row.text("expires_at")?)?,
                forms,
                given,
                kept: kept(&mut work, &request_id).await?,
            });
        }
        Ok(persons)
    }

    /// Destroys entries whose time has come.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn end_suppressions(&self, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        let due =
            statement("SELECT count(*) AS number FROM suppression WHERE expires_at <= $1").bind(text_of(now));
        if self.store.one(due).await?.number("number")? == 0 {
            return Ok(0);
        }
        let mut work = self.store.write().await?;
        let mut ended = 0;
        for text in [
            "DELETE FROM suppression_kept
             WHERE request_id IN (SELECT request_id FROM suppression WHERE expires_at <= $1)",
            "DELETE FROM suppression_identity
             WHERE request_id IN (SELECT request_id FROM suppression WHERE expires_at <= $1)",
            "DELETE FROM suppression WHERE expires_at <= $1",
        ] {
            ended = statement(text).bind(text_of(now)).execute(&mut work).await?;
        }
        work.commit().await?;
        self.store.forget().await?;
        Ok(ended)
    }

    /// Keeps the newest look for erased persons.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn put_look(&self, look: &Look) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "INSERT INTO suppression_look (one, value) VALUES (1, $1)
             ON CONFLICT (one) DO UPDATE SET value = excluded.value",
        )
        .bind(json_of(look)?)
        .execute(&mut work)
        .await?;
        work.commit().await
    }

    /// # Errors
    /// When the ledger cannot be read.
    pub async fn last_look(&self) -> Result<Option<Look>, LedgerError> {
        let row = self.store.optional(statement("SELECT value FROM suppression_look WHERE one = 1")).await?;
        let read = |row: super::statement::Row| {
            serde_json::from_str(&row.text("value")?).map_err(|_| LedgerError::Damaged)
        };
        row.map(read).transpose()
    }
}

async fn suppress_one(work: &mut Work, one: &Suppression<'_>) -> Result<(), LedgerError> {
    statement(
        "INSERT INTO suppression (request_id, certificate_id, erased_at, last_erased_at, expires_at)
         VALUES ($1, $2, $3, $3, $4)
         ON CONFLICT (request_id) DO UPDATE
         SET last_erased_at = excluded.last_erased_at, expires_at = excluded.expires_at",
    )
    .bind(one.request_id)
    .bind(one.certificate_id)
    .bind(text_of(one.erased_at))
    .bind(text_of(one.expires_at))
    .execute(work)
    .await?;
    for form in &one.forms {
        statement(
            "INSERT INTO suppression_identity (request_id, kind, hash, given) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(one.request_id)
        .bind(&form.kind)
        .bind(form.hash.as_slice())
        .bind(one.given.contains(&form.hash))
        .execute(work)
        .await?;
    }
    statement("DELETE FROM suppression_kept WHERE request_id = $1")
        .bind(one.request_id)
        .execute(work)
        .await?;
    for hash in one.kept {
        statement("INSERT INTO suppression_kept (request_id, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(one.request_id)
            .bind(hash.as_slice())
            .execute(work)
            .await?;
    }
    Ok(())
}

/// All forms, and those that the person gave.
async fn forms(
    work: &mut Work,
    request_id: &str,
) -> Result<(BTreeSet<SuppressedForm>, BTreeSet<FormHash>), LedgerError> {
    let asked = statement("SELECT kind, hash, given FROM suppression_identity WHERE request_id = $1");
    let (mut forms, mut given) = (BTreeSet::new(), BTreeSet::new());
    for row in asked.bind(request_id).all(work).await? {
        let hash = hash_of(row.bytes("hash")?)?;
        if row.mark("given")? {
            given.insert(hash);
        }
        forms.insert(SuppressedForm { kind: row.text("kind")?, hash });
    }
    Ok((forms, given))
}

async fn kept(work: &mut Work, request_id: &str) -> Result<BTreeSet<FormHash>, LedgerError> {
    let asked = statement("SELECT hash FROM suppression_kept WHERE request_id = $1");
    let rows = asked.bind(request_id).all(work).await?;
    rows.iter().map(|row| hash_of(row.bytes("hash")?)).collect()
}

fn hash_of(bytes: Vec<u8>) -> Result<FormHash, LedgerError> {
    bytes.try_into().map_err(|_| LedgerError::Damaged)
}

#[cfg(test)]
mod tests;
