//! Who looked for a person, and why.
//!
//! Floor 6. It records and never forgets; whether somebody may look is decided above. The person is not named:
//! what was counted is kept by dataset.

use super::rows::{instant_of, json_of, text_of};
use super::statement::statement;
use super::{Ledger, LedgerError};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One look for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    pub look_id: String,
    pub at: DateTime<Utc>,
    pub kind: LookKind,
    /// `None`: for identities that somebody named without a request.
    pub request_id: Option<String>,
    /// Records that were found, by dataset.
    pub records: BTreeMap<String, u64>,
    /// Datasets that could not be read.
    pub not_reached: Vec<String>,
    pub who: String,
    pub why: String,
}

/// What was handed to whoever looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookKind {
    /// Counts.
    Locate,
    /// The records themselves.
    Export,
}

#[derive(Serialize, Deserialize)]
struct OpenPart {
    kind: LookKind,
    request_id: Option<String>,
    records: BTreeMap<String, u64>,
    not_reached: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SealedPart {
    who: String,
    why: String,
}

fn place_of(look_id: &str) -> String {
    format!("ledger/look/{look_id}")
}

impl Ledger {
    /// Keeps that somebody looked.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn keep_look(&self, look: &Look) -> Result<(), LedgerError> {
        let part = SealedPart { who: look.who.clone(), why: look.why.clone() };
        let sealed = self.secret.seal(&place_of(&look.look_id), &part)?;
        let value = json_of(&OpenPart {
            kind: look.kind,
            request_id: look.request_id.clone(),
            records: look.records.clone(),
            not_reached: look.not_reached.clone(),
        })?;
        let mut work = self.store.write().await?;
        statement("INSERT INTO look (look_id, at, value, sealed) VALUES ($1, $2, $3, $4)")
            .bind(&look.look_id)
            .bind(text_of(look.at))
            .bind(value)
            .bind(sealed)
            .execute(&mut work)
            .await?;
        work.commit().await
    }

    /// Every look, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read, or its key is another.
    pub async fn looks(&self) -> Result<Vec<Look>, LedgerError> {
        let mut found = Vec::new();
        for row in
            &self.store.all(statement("SELECT look_id, at, value, sealed FROM look ORDER BY line")).await?
        {
            let look_id = row.text("look_id")?;
            let sealed: SealedPart = self.secret.open(&place_of(&look_id), row.bytes("sealed")?)?;
            let open: OpenPart =
                serde_json::from_str(&row.text("value")?).map_err(|_| LedgerError::Damaged)?;
            found.push(Look {
                look_id,
                at: instant_of(&row.text("at")?)?,
                kind: open.kind,
                request_id: open.request_id,
                records: open.records,
                not_reached: open.not_reached,
                who: sealed.who,
                why: sealed.why,
            });
        }
        Ok(found)
    }
}
