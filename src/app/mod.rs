//! The composition root: settings become adapters, and each use case is one function.
//!
//! Floor 7. This is the only place that knows all the ports. It prints nothing: what people read is
//! made of the values that it returns, in `views`.

mod again;
mod apply;
mod archived;
mod beyond;
mod certificates;
mod certify;
mod claims;
mod clock;
mod closed;
mod closures;
mod erasing;
mod erasure_evidence;
mod error;
mod evidence;
mod figures;
mod grants;
mod helping;
mod holds;
mod looking;
mod notices;
mod open;
mod person_receipts;
mod place;
mod planning;
mod post;
mod readiness;
mod recipients;
mod replay;
mod requests;
mod residuals;
mod resume;
mod returned;
mod scanning;
mod search_evidence;
mod settling;
mod shares;
mod status;
mod stores;
mod suppress;
mod titles;
mod together;
mod unattended;

pub use apply::{ApplyEnd, ApplyMode, TargetTotals};
pub use beyond::TECHNIQUE_OUTSIDE;
pub use closures::{ClosureEnd, OpenResiduals};
pub use erasure_evidence::{BESIDE_DUTY, UNLINKING};
pub use error::AppError;
pub use figures::Figures;
pub use grants::{ArchiveGrant, StoreGrants};
pub use holds::HoldPlaced;
pub use looking::{
    ExportHead, ExportSink, ExportedDataset, ExportedRecord, ExportedRule, Located, LookRequest, Whom,
};
pub use notices::{DeliveryRound, TestedReceiver};
pub use open::Documents;
pub use person_receipts::KEPT_DAYS as RECEIPT_KEPT_DAYS;
pub use place::{Anchor, Auditing, SharedFiles, audit, bucket_files};
pub use planning::{ApprovalExtras, PlanStanding};
pub use post::NoticePost;
pub use recipients::{NoticesDue, RecipientStanding, Telling};
pub use replay::{Replay, ReplayScope};
pub use requests::{
    GIVEN_ANEW, OUTSIDE, RequestAnswer, RequestReceipt, RequestReceived, RequestStory, SHARED,
};
pub use scanning::{Scan, ScannedRule, UnreachedDataset};
pub use status::{NextAnswer, OpenRequests, Status};
pub use titles::Titles;
pub use together::{LeftAlone, PERSONS_MAX, PersonLine, PlannedTogether};
pub use unattended::RuleName;

use crate::catalog::Catalog;
use crate::certificate::VerifiedCertificate;
use crate::check::Places;
use crate::clock::Clock;
use crate::diagnostic::Diagnostics;
use crate::ids::IdSource;
use crate::journal::RunKey;
use crate::ledger::Ledger;
pub use crate::ledger::{ClockAcceptance, Look, LookKind, OutboxState, RequestEvent};
use crate::settings::{SecretLookup, Settings};
use chrono::{DateTime, NaiveDate, Utc};
use std::sync::Arc;

/// What only `main` may build: the clock, the randomness, the way to secrets, and the view of a
/// certificate that goes into the archive.
#[derive(Clone)]
pub struct Environment {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub secrets: Arc<dyn SecretLookup>,
    pub render: fn(&VerifiedCertificate) -> String,
}

/// One opened project.
pub struct App {
    settings: Settings,
    catalog: Catalog,
    warnings: Diagnostics,
    places: Places,
    environment: Environment,
    ledger: Arc<Ledger>,
    sealing_key: RunKey,
}

impl std::fmt::Debug for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("App").field("directory", &self.settings.directory).finish_non_exhaustive()
    }
}

impl App {
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What the documents are warned of.
    #[must_use]
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    fn now(&self) -> DateTime<Utc> {
        self.environment.clock.now()
    }
}

/// What to plan.
#[derive(Debug, Clone, Default)]
pub struct PlanRequest {
    /// Names of policies; empty means all.
    pub policies: Vec<String>,
    /// Makes a plan for reading only, for another instant.
    pub as_of: Option<DateTime<Utc>>,
    pub author: Option<String>,
}

/// What to hold.
#[derive(Debug, Clone)]
pub struct HoldRequest {
    pub matter: String,
    pub reason: String,
    pub owner: String,
    pub review_on: Option<NaiveDate>,
    pub scope: crate::hold::HoldScope,
}
