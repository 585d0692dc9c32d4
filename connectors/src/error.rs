//! What can go wrong with a store, by what the caller can do about it.

use thiserror::Error;

/// An error of a store. Messages name the store and the dataset, never the content of a record:
/// drivers quote values in their messages, so a driver's text is reduced to its code first.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectorError {
    #[error("store '{store}' cannot be reached: {reason}")]
    Unreachable { store: String, reason: String },
    #[error("store '{store}' refused: {reason}")]
    Denied { store: String, reason: String },
    #[error("dataset '{dataset}' is not as declared: {reason}")]
    SchemaDrift { dataset: String, reason: String },
    #[error("store '{store}' is busy: {reason}")]
    Busy { store: String, reason: String },
    #[error("store '{store}' has no room left: {reason}")]
    Full { store: String, reason: String },
    #[error("a rule of the store forbids this for dataset '{dataset}': {reason}")]
    Constraint { dataset: String, reason: String },
    #[error("not supported by store '{store}': {reason}")]
    NotSupported { store: String, reason: String },
    /// The intent could not be made durable, or was overtaken (a new hold): nothing was disposed of.
    #[error("the batch was not begun: {reason}")]
    IntentRefused { reason: String },
    #[error("store '{store}' failed: {reason}")]
    Failed { store: String, reason: String },
}

impl ConnectorError {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// What the operator can do, in one sentence.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("check the address of the store and that it is running"),
            Self::Denied { .. } => Some("check the rights of the reader or writer of this store"),
            Self::SchemaDrift { .. } => Some("run `oubliette check` and correct the data map"),
            Self::Busy { .. } => Some("another program holds a lock; try again"),
            Self::Full { .. } => Some("free space, then try again"),
            Self::Constraint { .. } => Some("run `oubliette plan` again: the schema may have changed"),
            Self::NotSupported { .. } | Self::IntentRefused { .. } | Self::Failed { .. } => None,
        }
    }
}
