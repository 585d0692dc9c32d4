//! Where a request stands, as a word.
//!
//! Floor 3; pure.

use serde::{Deserialize, Serialize};

/// Where a request stands. Whether its plan is approved is the plan's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    Received,
    /// The person is who they say.
    Verified,
    /// A plan was drafted.
    Planned,
    /// A run of its plan was begun.
    Running,
    /// Done in part: something could not be reached or failed, and is to be tried again.
    Partial,
    /// Done, but for what a duty or a hold keeps, which is queued.
    Waiting,
    Done,
    Refused,
    Cancelled,
}

impl RequestState {
    pub const ALL: [Self; 9] = [
        Self::Received,
        Self::Verified,
        Self::Planned,
        Self::Running,
        Self::Partial,
        Self::Waiting,
        Self::Done,
        Self::Refused,
        Self::Cancelled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Verified => "verified",
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Partial => "partial",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing more will be done, and what named the person is destroyed.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Refused | Self::Cancelled)
    }

    /// There is something to be done before it waits or ends.
    #[must_use]
    pub fn is_open(self) -> bool {
        !self.is_final() && self != Self::Waiting
    }

    pub(super) fn is_before_a_run(self) -> bool {
        matches!(self, Self::Received | Self::Verified | Self::Planned)
    }
}
