//! What ends a command: an exit status, a message and what to do about it (floor 8).

use super::exit::ExitStatus;
use crate::app::AppError;
use crate::archive::ArchiveError;
use crate::diagnostic::Diagnostics;
use crate::execution::ExecutionError;
use crate::init::InitError;
use crate::journal::JournalError;

/// Messages are lower case, without full stop and without the content of any record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: ExitStatus,
    pub message: String,
    pub hint: Option<String>,
    /// Faults in documents, which are said before the message.
    pub diagnostics: Option<Diagnostics>,
}

impl Failure {
    #[must_use]
    pub fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None, diagnostics: None }
    }

    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    #[must_use]
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Unexpected, message)
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Failure {
    /// A file or project that could not be written.
    #[must_use]
    pub fn from_init(error: &InitError) -> Self {
        let status = if matches!(error, InitError::Exists { .. }) {
            ExitStatus::Usage
        } else {
            ExitStatus::Unexpected
        };
        Self { hint: error.hint().map(str::to_owned), ..Self::new(status, error.to_string()) }
    }
}

impl Failure {
    /// One file that could not be written.
    #[must_use]
    pub fn from_file(error: &InitError) -> Self {
        let failure = Self::from_init(error);
        match error {
            InitError::Exists { .. } => failure.with_hint("name another file: none is ever overwritten"),
            _ => failure,
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let mut failure = Self::new(status_of(&error), error.to_string());
        failure.hint = error.hint();
        if let AppError::Documents(diagnostics) = error {
            failure.message = format!("{} fault(s) in the documents", diagnostics.errors());
            failure.diagnostics = Some(diagnostics);
        }
        failure
    }
}

/// What a shell is told: 2 is for what the caller wrote, 5 for a plan that may not be carried out,
/// 6 for signatures and digests that do not hold, 3 for a run that stopped half way, 1 for the rest.
fn status_of(error: &AppError) -> ExitStatus {
    match error {
        AppError::FullInRun(reason) => status_of(reason),
        AppError::Documents(_)
        | AppError::NoSuchPlan { .. }
        | AppError::AmbiguousPlan { .. }
        | AppError::Request(_)
        | AppError::NothingToResume
        | AppError::SeveralToResume { .. }
        | AppError::NoSuchRule { .. }
        | AppError::NoSuchDataset { .. }
        | AppError::NoSuchCertificate { .. }
        | AppError::NotInCertificate { .. }
        | AppError::Argument { .. }
        | AppError::Explain(_)
        | AppError::Hold(_)
        | AppError::PlanFile(_)
        | AppError::Key(_) => ExitStatus::Usage,
        AppError::Approval(_)
        | AppError::Stale(_)
        | AppError::Compile(_)
        | AppError::AlreadyApplied { .. }
        | AppError::Interrupted { .. }
        | AppError::OtherRunOpen { .. }
        | AppError::NotAsBegun { .. } => ExitStatus::NotApproved,
        // An archive that cannot be written is no archive that does not hold.
        AppError::Archive(
            ArchiveError::Io { .. }
            | ArchiveError::Locked
            | ArchiveError::Outrun
            | ArchiveError::NoConditions { .. }
            | ArchiveError::Signer(_),
        )
        | AppError::Execution(ExecutionError::Journal(JournalError::Busy { .. })) => ExitStatus::Unexpected,
        AppError::PlanDamaged { .. } | AppError::Archive(_) | AppError::Certificate(_) => {
            ExitStatus::VerificationFailed
        }
        AppError::Execution(_) => ExitStatus::Partial,
        _ => ExitStatus::Unexpected,
    }
}
