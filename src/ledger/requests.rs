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

fn place_of_found(plan_id: &str, request_id: &str) -> String {
    format!("ledger/found/{plan_id}/{request_id}")
}

/// Where it stood as long as a plan was for one request.
fn former_place_of_found(plan_id: &str) -> String {
    format!("ledger/found/{plan_id}")
}

/// A request that is new to the ledger.
#[derive(Debug)]
pub struct NewRequestRow<'a> {
    pub request: &'a Request,
    pub identities: &'a BTreeSet<Identity>,
    /// Keyed, of the identities.
    pub hashes: &'a BTreeSet<String>,
    pub event: RequestEvent,
}

impl Ledger {
    /// Keeps new requests with their identities and the keyed hashes of these, all or none.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn insert_requests(&self, rows: &[NewRequestRow<'_>]) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        for NewRequestRow { request, identities, hashes, event } in rows {
            let sealed = self.secret.seal(&place_of_identities(&request.request_id), identities)?;
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
            for hash in *hashes {
                statement("INSERT INTO request_identity (request_id, hash) VALUES ($1, $2)")
                    .bind(&request.request_id)
                    .bind(hash)
                    .execute(&mut work)
                    .await?;
            }
            self.add_event(&mut work, &request.request_id, event).await?;
        }
        work.commit().await
    }

    /// Keeps a changed request, with what happened.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn update_request(&self, request: &Request, event: &RequestEvent) -> Result<(), LedgerError> {
        self.update_requests(&[(request, event)]).await
    }

    /// Keeps changed requests, each with what happened, all or none.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn update_requests(&self, changed: &[(&Request, &RequestEvent)]) -> Result<(), LedgerError> {
        if changed.is_empty() {
            return Ok(());
        }
        let mut work = self.store.write().await?;
        for (request, event) in changed {
            statement("UPDATE request SET state = $1, value = $2 WHERE request_id = $3")
                .bind(request.state.as_str())
                .bind(value_of(request)?)
                .bind(&request.request_id)
                .execute(&mut work)
                .await?;
            self.add_event(&mut work, &request.request_id, event).await?;
        }
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

    /// Requests of which a run was begun and is not known to have ended, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn running_requests(&self) -> Result<Vec<Request>, LedgerError> {
        let asked = statement("SELECT value FROM request WHERE state = 'running' ORDER BY line");
        self.store.all(asked).await?.iter().map(request_of).collect()
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

    /// The identities of these requests, as far as they are not destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn identities_of_requests(
        &self,
        request_ids: &[&str],
    ) -> Result<BTreeMap<String, BTreeSet<Identity>>, LedgerError> {
        let mut work = self.store.read().await?;
        let mut identities = BTreeMap::new();
        for request_id in request_ids {
            let asked = statement("SELECT sealed FROM request WHERE request_id = $1").bind(*request_id);
            let row = asked.optional(&mut work).await?;
            if let Some(sealed) = row.map(|row| row.optional_bytes("sealed")).transpose()?.flatten() {
                let opened = self.secret.open(&place_of_identities(request_id), sealed)?;
                identities.insert((*request_id).to_owned(), opened);
            }
        }
        Ok(identities)
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

    /// Keeps what was found for a plan that is in the ledger, of each of its requests, all or none.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn keep_found(&self, plan_id: &str, found: &[(&str, &Found)]) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        for (request_id, found) in found {
            let sealed = self.secret.seal(&place_of_found(plan_id, request_id), found)?;
            statement(
                "INSERT INTO request_plan (plan_id, request_id, line, sealed)
                 SELECT plan_id, $2, line, $3 FROM plan WHERE plan_id = $1",
            )
            .bind(plan_id)
            .bind(*request_id)
            .bind(sealed)
            .execute(&mut work)
            .await?;
        }
        work.commit().await
    }

    /// What was found for the requests of a plan, by request, as far as it is not destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn found_of_plan(&self, plan_id: &str) -> Result<BTreeMap<String, Found>, LedgerError> {
        let asked = statement(
            "SELECT request_id, sealed FROM request_plan WHERE plan_id = $1 AND sealed IS NOT NULL",
        )
        .bind(plan_id);
        let mut found = BTreeMap::new();
        for row in &self.store.all(asked).await? {
            let request_id = row.text("request_id")?;
            let one = self.open_found(plan_id, &request_id, row.bytes("sealed")?)?;
            found.insert(request_id, one);
        }
        Ok(found)
    }

    /// What was found for one request of a plan; `None` once it is destroyed.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn found(&self, plan_id: &str, request_id: &str) -> Result<Option<Found>, LedgerError> {
        let asked = statement("SELECT sealed FROM request_plan WHERE plan_id = $1 AND request_id = $2");
        let Some(row) = self.store.optional(asked.bind(plan_id).bind(request_id)).await? else {
            return Ok(None);
        };
        let sealed = row.optional_bytes("sealed")?;
        sealed.map(|sealed| self.open_found(plan_id, request_id, sealed)).transpose()
    }

    fn open_found(&self, plan_id: &str, request_id: &str, sealed: Vec<u8>) -> Result<Found, LedgerError> {
        match self.secret.open(&place_of_found(plan_id, request_id), sealed.clone()) {
            Err(LedgerError::WrongKey) => self.secret.open(&former_place_of_found(plan_id), sealed),
            opened => opened,
        }
    }

    /// Whether a plan is the newest of each of its requests.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn is_newest_plan(&self, plan_id: &str) -> Result<bool, LedgerError> {
        let asked = statement(
            "SELECT p.request_id FROM request_plan p WHERE p.plan_id = $1 AND EXISTS (
                 SELECT 1 FROM request_plan n WHERE n.request_id = p.request_id AND n.line > p.line)
             LIMIT 1",
        );
        Ok(self.store.optional(asked.bind(plan_id)).await?.is_none())
    }

    /// The requests of a plan, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn requests_of_plan(&self, plan_id: &str) -> Result<Vec<Request>, LedgerError> {
        let asked = statement(
            "SELECT r.value FROM request r JOIN request_plan p ON p.request_id = r.request_id
             WHERE p.plan_id = $1 ORDER BY r.line",
        );
        self.store.all(asked.bind(plan_id)).await?.iter().map(request_of).collect()
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

    /// The requests that run by a plan, oldest first: those of it of which no later one was begun.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn requests_running_by(&self, plan_id: &str) -> Result<Vec<Request>, LedgerError> {
        let asked = statement(
            "SELECT r.value FROM request r JOIN request_plan p ON p.request_id = r.request_id
             WHERE p.plan_id = $1 AND r.state = 'running' AND NOT EXISTS (
                 SELECT 1 FROM request_plan n JOIN run u ON u.plan_id = n.plan_id
                 WHERE n.request_id = p.request_id AND n.line > p.line)
             ORDER BY r.line",
        );
        self.store.all(asked.bind(plan_id)).await?.iter().map(request_of).collect()
    }

    /// Destroys what names the persons of requests that have ended: identities, their hashes, what was found, remarks.
    ///
    /// # Errors
    /// When the ledger cannot be written. It can be repeated.
    pub async fn forget_persons(&self) -> Result<(), LedgerError> {
        let asked = statement(
            "SELECT request_id FROM request
             WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL LIMIT 1",
        );
        if self.store.optional(asked).await?.is_none() {
            return Ok(());
        }
        let mut work = self.store.write().await?;
        for text in [
            "UPDATE request_plan SET sealed = NULL WHERE request_id IN (SELECT request_id FROM request
                 WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL)",
            "UPDATE request_event SET sealed = NULL WHERE request_id IN (SELECT request_id FROM request
                 WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL)",
            "DELETE FROM request_identity WHERE request_id IN (SELECT request_id FROM request
                 WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL)",
            "UPDATE request SET sealed = NULL
                 WHERE state IN ('done', 'refused', 'cancelled') AND sealed IS NOT NULL",
        ] {
            statement(text).execute(&mut work).await?;
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
