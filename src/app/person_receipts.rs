//! The receipt for the person of a request.
//!
//! Floor 7. Where their records were is kept sealed when a certificate is made, since everything else that names
//! the person is destroyed when the request ends, and is destroyed itself after [`KEPT_DAYS`].

use super::requests::argument;
use super::{App, AppError};
use crate::certificate::person_receipt::{self, PersonReceipt};
use crate::certificate::receipt::Locator;
use crate::certificate::{CertificateId, Statement};
use crate::erasure::request::Request;
use chrono::Duration;

/// As long as a person may be expected to take to complain.
pub const KEPT_DAYS: i64 = 60;

impl App {
    /// The private proof of which records of the person stand on the certificates of their request.
    ///
    /// # Errors
    /// When there is no certificate yet, or what it is made of is destroyed.
    pub async fn person_receipt(&self, reference: &str) -> Result<PersonReceipt, AppError> {
        self.settle_requests().await?;
        let request = self.request(reference).await?;
        let mut sets = Vec::new();
        for certificate_id in self.certificates_of_request(&request.request_id).await? {
            let Some(locators) = self.ledger.locators(&certificate_id, &request.request_id).await? else {
                continue;
            };
            let (statement, _) = self.certificate(&certificate_id).await?;
            let id: &CertificateId = &statement.predicate.certificate_id;
            let sealed = self.sealed()?;
            let Some(key) = sealed.key(id)? else {
                return Err(argument(
                    "the seed of a certificate was destroyed: no receipt can be made",
                    None,
                ));
            };
            sets.push(person_receipt::open(&key, &sealed.commitments_path(id), locators, &statement)?);
        }
        if sets.is_empty() {
            let hint = format!("it can be made from the first certificate on, for {KEPT_DAYS} days");
            return Err(argument("there is nothing of which a receipt could be made", Some(&hint)));
        }
        Ok(PersonReceipt::new(&request.request_id, sets))
    }

    /// Destroys what receipts of a request are made of.
    ///
    /// # Errors
    /// When there is no such request, or the ledger fails.
    pub async fn forget_receipt(&self, reference: &str) -> Result<(), AppError> {
        let request = self.request(reference).await?;
        Ok(self.ledger.forget_locators_of(&request.request_id).await?)
    }

    /// Whether a receipt can be made.
    pub(super) async fn has_receipt(
        &self,
        request_id: &str,
        certificates: &[String],
    ) -> Result<bool, AppError> {
        for certificate_id in certificates {
            if self.ledger.locators(certificate_id, request_id).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps where the records of each person were when a run of their requests is certified.
    pub(super) async fn keep_places(
        &self,
        plan_id: &str,
        requests: &[Request],
        statement: &Statement,
    ) -> Result<(), AppError> {
        let mut all = self.ledger.found_of_plan(plan_id).await?;
        let mut places = Vec::with_capacity(requests.len());
        for request in requests {
            let Some(found) = all.remove(&request.request_id) else { continue };
            let mut locators = Vec::new();
            for dataset in found.rows.keys() {
                let Ok((store, alias)) = super::evidence::names(&self.catalog, dataset) else { continue };
                locators.extend(found.own(dataset).iter().map(|key| Locator {
                    store: store.to_string(),
                    dataset: alias.to_string(),
                    key: key.canonical(),
                }));
            }
            places.push((request.request_id.as_str(), locators));
        }
        let certificate_id = statement.predicate.certificate_id.as_str();
        Ok(self.ledger.keep_locators(certificate_id, &places, self.now()).await?)
    }

    /// Destroys what has been kept long enough.
    pub(super) async fn forget_old_places(&self) -> Result<(), AppError> {
        let Some(before) = self.now().checked_sub_signed(Duration::days(KEPT_DAYS)) else { return Ok(()) };
        Ok(self.ledger.forget_locators_before(before).await?)
    }
}
