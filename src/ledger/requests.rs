//! Requests of persons: codes and dates in clear, identities and what was found sealed.
//!
//! Floor 6. Which changes a request allows is decided by [`crate::erasure::request`]; this module keeps what
//! comes out, and destroys what names the person when the request has ended.

use super::rows::{instant_of, text_of};
use super::statement::{Row, statement};
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::erasure::found::Found;
use crate::erasure::request::Request;
use crate::subject::Identity;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Something that happened to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEvent {
    pub at: DateTime<Utc>,
    /// A word such as `received`.
    pub event: String,
    /// A remark of staff; gone when the request has ended.
    pub note: Option<String>,
}

fn place_of_identities(request_id: &str) -> String {
    format!("ledger/request/{request_id}")
}

fn place_of_event(request_id: &str, at: &str, event: &str) -> String {
    format!("ledger/request-event/{request_id}/{at}/{event}")
}

fn place_of_found(plan_id: &str) -> String {
    format!("ledger/found/{plan_id}")
}

impl Ledger {
    /// Keeps a new request with its identities and their keyed hashes.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn insert_request(
        &self,
        request: &Request,
        identities: &BTreeSet<Identity>,
        hashes: &BTreeSet<String>,
        event: &RequestEvent,
    ) -> Result<(), LedgerError> {
        let sealed = self.secret.seal(&place_of_identities(&request.request_id), identities)?;
        let mut work = self.store.write().await?;
        statement(
            "INSERT INTO request (request_id, state, received_at, value, sealed) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&request.request_id)
        .bind(request.state.as_str())
        .bind(text_of(request.received_at))
        .bind(value_of(request)?)
        .bind(sealed)
        .execute(&mut work)
        .await?;
        for hash in hashes {
            statement("INSERT INTO request_identity (request_id, hash) VALUES ($1, $2)")
                .bind(&request.request_id)
                .bind(hash)
                .execute(&mut work)
                .await?;
        }
        self.add_event(&mut work, &request.request_id, event).await?;
        work.commit().await
    }

    /// Keeps a changed request, with what happened.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn update_request(&self, request: &Request, event: &RequestEvent) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement("UPDATE request SET state = $1, value = $2 WHERE request_id = $3")
            .bind(request.state.as_str())
            .bind(value_of(request)?)
            .bind(&request.request_id)
            .execute(&mut work)
            .await?;
        self.add_event(&mut work, &request.request_id, event).await?;
        work.commit().await
    }

    async fn add_event(
        &self,
        work: &mut Work,
        request_id: &str,
        event: &RequestEvent,
    ) -> Result<(), LedgerError> {
        let at = text_of(event.at);
        let sealed = match &event.note {
            None => None,
            Some(note) => Some(self.secret.seal(&place_of_event(request_id, &at, &event.event), note)?),
        };
        statement("INSERT INTO request_event (request_id, at, event, sealed) VALUES ($1, $2, $3, $4)")
            .bind(request_id)
            .bind(at)
            .bind(&event.event)
            .bind(sealed)
            .execute(work)
            .await?;
        Ok(())
    }

    /// # Errors
    /// When the ledger cannot be read.
    pub async fn request(&self, request_id: &str) -> Result<Option<Request>, LedgerError> {
        let asked = statement("SELECT value FROM request WHERE request_id = $1").bind(request_id);
        self.store.optional(asked).await?.as_ref().map(request_of).transpose()
    }

    /// Every request, or those that have not ended, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn requests(&self, ended_too: bool) -> Result<Vec<Request>, LedgerError> {
        let asked = if ended_too {
            statement("SELECT value FROM request ORDER BY line")
        } else {
            statement(
                "SELECT value FROM request WHERE state NOT IN ('done', 'refused', 'cancelled') ORDER BY line",
            )
        };
        self.store.all(asked).await?.iter().map(request_of).collect()
    }

    /// Requests that have ended and whose identities are not destroyed yet.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn requests_to_forget(&self) -> Result<Vec<String>, LedgerError> {
        let asked = statement(
            "SELECT request_id FROM request
             WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL ORDER BY line",
        );
        self.store.all(asked).await?.iter().map(|row| row.text("request_id")).collect()
    }

    /// The identities of a request; `None` once they are destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn request_identities(
        &self,
        request_id: &str,
    ) -> Result<Option<BTreeSet<Identity>>, LedgerError> {
        let asked = statement("SELECT sealed FROM request WHERE request_id = $1").bind(request_id);
        let Some(row) = self.store.optional(asked).await? else { return Ok(None) };
        let sealed = row.optional_bytes("sealed")?;
        sealed.map(|sealed| self.secret.open(&place_of_identities(request_id), sealed)).transpose()
    }

    /// Requests that have not ended and name one of these identities, with all their hashes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn requests_naming(
        &self,
        hashes: &BTreeSet<String>,
    ) -> Result<Vec<(Request, BTreeSet<String>)>, LedgerError> {
        let mut work = self.store.read().await?;
        let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for hash in hashes {
            let asked = statement("SELECT request_id FROM request_identity WHERE hash = $1").bind(hash);
            for row in asked.all(&mut work).await? {
                named.entry(row.text("request_id")?).or_default();
            }
        }
        let mut found = Vec::new();
        for (request_id, mut own) in named {
            let asked =
                statement("SELECT hash FROM request_identity WHERE request_id = $1").bind(&request_id);
            for row in asked.all(&mut work).await? {
                own.insert(row.text("hash")?);
            }
            let asked = statement("SELECT value FROM request WHERE request_id = $1").bind(&request_id);
            let request = request_of(&asked.one(&mut work).await?)?;
            if !request.state.is_final() {
                found.push((request, own));
            }
        }
        Ok(found)
    }

    /// What happened to a request, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn request_events(&self, request_id: &str) -> Result<Vec<RequestEvent>, LedgerError> {
        let asked =
            statement("SELECT at, event, sealed FROM request_event WHERE request_id = $1 ORDER BY line")
                .bind(request_id);
        let mut events = Vec::new();
        for row in &self.store.all(asked).await? {
            let (at, event) = (row.text("at")?, row.text("event")?);
            let sealed = row.optional_bytes("sealed")?;
            let note =
                sealed.map(|sealed| self.secret.open(&place_of_event(request_id, &at, &event), sealed));
            events.push(RequestEvent { at: instant_of(&at)?, note: note.transpose()?, event });
        }
        Ok(events)
    }

    /// Keeps what was found for a plan that is in the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn keep_found(
        &self,
        plan_id: &str,
        request_id: &str,
        found: &Found,
    ) -> Result<(), LedgerError> {
        let sealed = self.secret.seal(&place_of_found(plan_id), found)?;
        let mut work = self.store.write().await?;
        statement(
            "INSERT INTO request_plan (plan_id, request_id, line, sealed)
             SELECT plan_id, $2, line, $3 FROM plan WHERE plan_id = $1",
        )
        .bind(plan_id)
        .bind(request_id)
        .bind(sealed)
        .execute(&mut work)
        .await?;
        work.commit().await
    }

    /// What was found for a plan; `None` once it is destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn found(&self, plan_id: &str) -> Result<Option<Found>, LedgerError> {
        let asked = statement("SELECT sealed FROM request_plan WHERE plan_id = $1").bind(plan_id);
        let Some(row) = self.store.optional(asked).await? else { return Ok(None) };
        let sealed = row.optional_bytes("sealed")?;
        sealed.map(|sealed| self.secret.open(&place_of_found(plan_id), sealed)).transpose()
    }

    /// The plans of a request, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn plans_of_request(&self, request_id: &str) -> Result<Vec<String>, LedgerError> {
        let asked = statement("SELECT plan_id FROM request_plan WHERE request_id = $1 ORDER BY line")
            .bind(request_id);
        self.store.all(asked).await?.iter().map(|row| row.text("plan_id")).collect()
    }

    /// Destroys what names the person of a request: identities, their hashes, what was found, remarks.
    ///
    /// # Errors
    /// When the ledger cannot be written. It can be repeated.
    pub async fn forget_person(&self, request_id: &str) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        for text in [
            "UPDATE request SET sealed = NULL WHERE request_id = $1",
            "UPDATE request_plan SET sealed = NULL WHERE request_id = $1",
            "UPDATE request_event SET sealed = NULL WHERE request_id = $1",
            "DELETE FROM request_identity WHERE request_id = $1",
        ] {
            statement(text).bind(request_id).execute(&mut work).await?;
        }
        work.commit().await?;
        self.store.forget().await
    }
}

fn value_of(request: &Request) -> Result<String, LedgerError> {
    serde_json::to_string(request).map_err(|_| LedgerError::failed("a request cannot be written"))
}

pub(super) fn request_of(row: &Row) -> Result<Request, LedgerError> {
    serde_json::from_str(&row.text("value")?).map_err(|_| LedgerError::Damaged)
}

#[cfg(test)]
mod tests;
