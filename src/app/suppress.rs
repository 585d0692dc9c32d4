//! What an erasure leaves in the ledger, and looking for who came back.
//!
//! Floor 7. Entries are made before the certificate of a run is fixed, so that no certified erasure is without
//! them; making them again changes nothing.

use super::{App, AppError};
use crate::certificate::CertificateId;
use crate::erasure::found::{Found, FoundRow};
use crate::erasure::gathered::Gathered;
use crate::erasure::graph::Graph;
use crate::erasure::request::{Request, RequestState};
use crate::erasure::returned::{Look, Sight, collected, look};
use crate::erasure::suppression::{Suppressed, SuppressionBook, forms_of};
use crate::erasure::walk::{Ground, Renewal};
use crate::ledger::Suppression;
use crate::subject::{FormHash, FormHasher, Identity, IdentityKey, stored_form};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};

/// Rows that still name the person after a run, as hashes.
pub(super) struct StillNamed {
    hasher: FormHasher,
    forms: BTreeSet<(String, String)>,
    pub(super) hashes: BTreeSet<FormHash>,
}

impl StillNamed {
    fn new(hasher: FormHasher, found: &Found) -> Self {
        let forms = found.identities().flat_map(|identity| {
            let kind = identity.kind().to_owned();
            identity.search_forms().into_iter().map(move |form| (kind.clone(), form))
        });
        Self { hasher, forms: forms.collect(), hashes: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, dataset: &str, subjects: &[(&str, &str)], rows: &[FoundRow]) {
        for row in rows {
            let key = row.key.canonical();
            for (kind, column) in subjects {
                let Some(form) = row.values.get(*column).and_then(stored_form) else { continue };
                let named = ((*kind).to_owned(), form);
                if self.forms.contains(&named) {
                    self.hashes.insert(self.hasher.hash_in_record(dataset, &key, kind, &named.1));
                }
            }
        }
    }
}

impl App {
    /// One for each person, in their order.
    pub(super) fn still_named(&self, gathered: &Gathered) -> Result<Vec<StillNamed>, AppError> {
        let hasher = self.suppression_hasher()?;
        Ok(gathered.members.iter().map(|one| StillNamed::new(hasher.clone(), &one.found)).collect())
    }

    /// Derived from the sealing key, apart from that of open requests.
    fn suppression_hasher(&self) -> Result<FormHasher, AppError> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, self.sealing_key.bytes())
            .expand(b"oubliette suppression hashes v1", &mut key)
            .map_err(|_| anyhow::anyhow!("the key of suppression hashes cannot be derived"))?;
        let hasher = IdentityKey::new(key).forms();
        Ok(hasher.context("the key of suppression hashes does not fit")?)
    }

    /// Keeps what is needed to know the persons again. Of a replay: keeps what is there for longer.
    pub(super) async fn suppress(
        &self,
        gathered: &Gathered,
        still: &[StillNamed],
        (certificate_id, erased_at): (&str, DateTime<Utc>),
    ) -> Result<(), AppError> {
        let expires_at = self.settings.suppression.kept_for.after(erased_at);
        let expires_at = expires_at.context("suppression is kept beyond the calendar")?;
        if let [only] = gathered.members.as_slice() {
            let request = self.request(&only.request_id).await?;
            if request.is_replay() {
                for request_id in &request.replays {
                    self.ledger.prolong_suppression(request_id, erased_at, expires_at).await?;
                }
                return Ok(());
            }
        }
        let hasher = self.suppression_hasher()?;
        let found = gathered.members.iter().zip(still).filter(|(member, _)| !member.found.rows.is_empty());
        let all: Vec<Suppression<'_>> = found
            .map(|(member, still)| Suppression {
                request_id: &member.request_id,
                certificate_id,
                erased_at,
                expires_at,
                forms: forms_of(&hasher, member.found.identities()),
                given: forms_of(&hasher, &member.found.given).into_iter().map(|form| form.hash).collect(),
                kept: &still.hashes,
            })
            .collect();
        Ok(self.ledger.suppress(&all).await?)
    }

    /// Every erased person who may be looked for. One whose request goes on is not: what of them is there
    /// is known to be.
    pub(super) async fn suppressed(&self) -> Result<Vec<Suppressed>, AppError> {
        let mut persons = self.ledger.suppressed(self.now()).await?;
        let is_settled = |state| matches!(state, RequestState::Done | RequestState::Waiting);
        persons.retain(|person| is_settled(person.request.state));
        Ok(persons)
    }

    /// Looks for these persons in every store.
    pub(super) async fn sight(&self, persons: Vec<Suppressed>) -> Result<(Sight, SuppressionBook), AppError> {
        let now = self.now();
        let book = SuppressionBook::new(self.suppression_hasher()?, persons);
        let sources = self.sources().await?;
        let world = crate::plan::world::World::inspect(&self.catalog, &sources).await;
        let graph = Graph::of(&self.catalog, &world);
        let collected = collected(&self.catalog, &graph, now);
        let ground = Ground { catalog: &self.catalog, graph: &graph, sources: &sources };
        let sight = look(ground, &book, &collected, now).await;
        Ok((sight, book))
    }

    /// Looks whether erased persons came back, and keeps what was seen. `None`: nobody is to be looked for.
    ///
    /// # Errors
    /// When the ledger fails. A store that cannot be read is named in what is returned.
    pub async fn look_for_returned(&self) -> Result<Option<Look>, AppError> {
        let persons = self.suppressed().await?;
        if persons.is_empty() {
            return Ok(None);
        }
        let (sight, _) = self.sight(persons).await?;
        self.ledger.put_look(&sight.look).await?;
        Ok(Some(sight.look))
    }

    /// What tells records that the persons of a request gave anew since an earlier run for them. Of a replay,
    /// identities that were read from records are taken out of `given`, and searched later.
    pub(super) async fn renewal(
        &self,
        request: &Request,
        given: &mut BTreeSet<Identity>,
        before: Option<&Found>,
    ) -> Result<Option<Renewal>, AppError> {
        let concerned: Vec<&str> =
            request.replays.iter().map(String::as_str).chain([request.request_id.as_str()]).collect();
        if !self.ledger.suppresses_any(&concerned).await? {
            return Ok(None);
        }
        let mut persons = self.ledger.suppressed(self.now()).await?;
        persons.retain(|person| concerned.contains(&person.request.request_id.as_str()));
        if persons.is_empty() {
            return Ok(None);
        }
        let hasher = self.suppression_hasher()?;
        let derived = before.into_iter().flat_map(|found| found.derived.iter().cloned());
        let known: BTreeSet<Identity> = given.iter().cloned().chain(derived).collect();
        let mut renewal = Renewal::new(hasher.clone(), request.takes_new);
        let (mut searched, mut later) = (BTreeSet::new(), BTreeSet::new());
        for (number, person) in persons.iter().enumerate() {
            let mut own = BTreeSet::new();
            for identity in &known {
                let forms = forms_of(&hasher, [identity]);
                if forms.iter().any(|form| person.forms.contains(form)) {
                    own.insert(identity.clone());
                    if !forms.iter().any(|form| person.given.contains(&form.hash)) {
                        later.insert(identity.clone());
                    }
                    searched.extend(forms.into_iter().map(|form| form.hash));
                }
            }
            renewal.add(number, &own, person.erased_at);
        }
        if request.is_replay() {
            let all = persons.iter().flat_map(|person| &person.forms).map(|form| form.hash);
            renewal.withhold(all.filter(|hash| !searched.contains(hash)));
            given.retain(|identity| !later.contains(identity));
            renewal.search_later(later);
        }
        Ok(Some(renewal))
    }

    /// The first certificate of each request.
    pub(super) async fn first_certificates(
        &self,
        request_ids: &[String],
    ) -> Result<Vec<CertificateId>, AppError> {
        let known = self.ledger.suppressed(self.now()).await?;
        let known: BTreeMap<&str, &str> = known
            .iter()
            .map(|person| (person.request.request_id.as_str(), person.certificate_id.as_str()))
            .collect();
        let mut certificates = BTreeSet::new();
        for request_id in request_ids {
            let kept = match known.get(request_id.as_str()) {
                Some(id) => Some((*id).to_owned()),
                // The entry has expired since.
                None => self.certificates_of_request(request_id).await?.into_iter().next(),
            };
            if let Some(id) = kept {
                certificates.insert(id.parse::<CertificateId>()?);
            }
        }
        Ok(certificates.into_iter().collect())
    }
}
