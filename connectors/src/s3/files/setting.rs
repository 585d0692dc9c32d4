//! Whether a bucket keeps versions and can lock them.

use super::{BucketFiles, LockMode};
use crate::error::ConnectorError;
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockEnabled, ObjectLockRetentionMode};

/// How a bucket is set up. `None` where the reader may not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketState {
    pub keeps_versions: Option<bool>,
    pub can_lock: Option<bool>,
    /// The lock of what is written without one of its own.
    pub default_lock: Option<DefaultLock>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLock {
    pub mode: LockMode,
    /// Years are counted as 365 days.
    pub days: u32,
}

impl BucketFiles {
    /// Looks at the bucket.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such bucket.
    pub async fn state(&self) -> Result<BucketState, ConnectorError> {
        let keeps_versions = self.keeps_versions().await?;
        let (can_lock, default_lock) = self.locks().await?;
        Ok(BucketState { keeps_versions, can_lock, default_lock })
    }

    async fn keeps_versions(&self) -> Result<Option<bool>, ConnectorError> {
        match self.bucket.reads.get_bucket_versioning().bucket(&self.bucket.name).send().await {
            Ok(told) => Ok(Some(told.status() == Some(&BucketVersioningStatus::Enabled))),
            Err(error) => match self.bucket.failed("reading how the bucket is set up", &error) {
                ConnectorError::Denied { .. } => Ok(None),
                ConnectorError::NotSupported { .. } => Ok(Some(false)),
                error => Err(error),
            },
        }
    }

    async fn locks(&self) -> Result<(Option<bool>, Option<DefaultLock>), ConnectorError> {
        let call = self.bucket.reads.get_object_lock_configuration().bucket(&self.bucket.name);
        let told = match call.send().await {
            Ok(told) => told,
            Err(error) if super::is_absent(&error) => return Ok((Some(false), None)),
            Err(error) => {
                return match self.bucket.failed("reading how the bucket is set up", &error) {
                    ConnectorError::Denied { .. } => Ok((None, None)),
                    ConnectorError::NotSupported { .. } => Ok((Some(false), None)),
                    error => Err(error),
                };
            }
        };
        let Some(told) = told.object_lock_configuration() else { return Ok((Some(false), None)) };
        let can_lock = told.object_lock_enabled() == Some(&ObjectLockEnabled::Enabled);
        let retention = told.rule().and_then(|rule| rule.default_retention());
        let default_lock = retention.and_then(|retention| {
            let days = retention.days().or_else(|| retention.years().map(|years| years.saturating_mul(365)));
            let mode = match retention.mode()? {
                ObjectLockRetentionMode::Compliance => LockMode::Compliance,
                _ => LockMode::Governance,
            };
            Some(DefaultLock { mode, days: u32::try_from(days?).ok()? })
        });
        Ok((Some(can_lock), default_lock))
    }
}
