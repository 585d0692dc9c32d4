//! How the bucket is set up, as far as it matters to whoever plans a purge: what would make a deletion fail,
//! and what would survive it.

use super::client::Bucket;
use crate::error::ConnectorError;
use crate::port::Circumstance;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{
    ExpirationStatus, MfaDeleteStatus, ReplicationConfiguration, ReplicationRuleStatus,
    TransitionStorageClass,
};
use std::collections::BTreeSet;

impl Bucket {
    /// Everything that can be seen. What may not be looked at is told as such.
    pub(super) async fn circumstances(&self) -> Result<Vec<Circumstance>, ConnectorError> {
        let mut found = Vec::new();
        found.extend(self.mfa_delete().await?);
        found.extend(self.replication().await?);
        found.extend(self.archive_tiers().await?);
        if self.bypass_governance {
            found.push(Circumstance::GovernanceBypassed);
        }
        Ok(found)
    }

    /// What belongs on the certificate, in codes.
    pub(super) async fn steps(&self) -> Vec<&'static str> {
        let mut steps = Vec::new();
        match self.replication().await {
            Ok(None) => {}
            Ok(Some(Circumstance::Replicated)) => steps.push("s3-replica-not-reached"),
            Ok(Some(_)) | Err(_) => steps.push("s3-replication-not-seen"),
        }
        if self.bypass_governance {
            steps.push("s3-governance-bypass");
        }
        steps
    }

    async fn mfa_delete(&self) -> Result<Option<Circumstance>, ConnectorError> {
        match self.reads.get_bucket_versioning().bucket(&self.name).send().await {
            Ok(told) => {
                let needed = told.mfa_delete() == Some(&MfaDeleteStatus::Enabled);
                Ok(needed.then_some(Circumstance::NeedsSecondFactor))
            }
            Err(error) => self.unseen("whether deletions need a second factor", &error),
        }
    }

    async fn replication(&self) -> Result<Option<Circumstance>, ConnectorError> {
        match self.reads.get_bucket_replication().bucket(&self.name).send().await {
            Ok(told) => {
                let rules = told.replication_configuration().map(ReplicationConfiguration::rules);
                let rules = rules.unwrap_or_default();
                let is_on = rules.iter().any(|rule| *rule.status() == ReplicationRuleStatus::Enabled);
                Ok(is_on.then_some(Circumstance::Replicated))
            }
            Err(error) => self.unseen("whether the bucket is replicated", &error),
        }
    }

    /// Storage classes with a least time, for which is paid whoever deletes earlier.
    async fn archive_tiers(&self) -> Result<Option<Circumstance>, ConnectorError> {
        match self.reads.get_bucket_lifecycle_configuration().bucket(&self.name).send().await {
            Ok(told) => {
                let rules = told.rules().iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled);
                let classes: BTreeSet<String> = rules
                    .flat_map(|rule| {
                        let of_old = rule.noncurrent_version_transitions().iter();
                        let of_old = of_old.filter_map(|transition| transition.storage_class());
                        let current = rule.transitions().iter();
                        current.filter_map(|transition| transition.storage_class()).chain(of_old)
                    })
                    .map(TransitionStorageClass::as_str)
                    .map(super::fault::code_of)
                    .collect();
                let classes: Vec<String> = classes.into_iter().collect();
                Ok((!classes.is_empty()).then_some(Circumstance::ArchiveTiers { classes }))
            }
            Err(error) => self.unseen("whether objects move to archive tiers", &error),
        }
    }

    /// That there is no such configuration, or no such thing in this store, is an answer too.
    fn unseen<E>(
        &self,
        what: &'static str,
        error: &SdkError<E>,
    ) -> Result<Option<Circumstance>, ConnectorError>
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + std::fmt::Debug,
    {
        if let SdkError::ServiceError(answer) = error
            && answer.raw().status().as_u16() == 404
            && answer.err().code() != Some("NoSuchBucket")
        {
            return Ok(None);
        }
        match self.failed("reading how the bucket is set up", error) {
            ConnectorError::NotSupported { .. } => Ok(None),
            ConnectorError::Denied { .. } => Ok(Some(Circumstance::NotVisible { what })),
            error => Err(error),
        }
    }
}
