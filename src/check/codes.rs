//! Which findings of a plan a check tells, and under which code.

use crate::plan::FindingCode;

/// The code of a finding as a diagnostic; `None` for what only matters to one plan, and for what is
/// found here in a better way.
pub(super) fn code_of(code: FindingCode) -> Option<&'static str> {
    Some(match code {
        FindingCode::ShareUndecidable => "share-undecidable",
        FindingCode::StartNeverSet => "start-never-set",
        FindingCode::RulesConflict => "rules-overlap",
        FindingCode::TriggersFire => "triggers-fire",
        FindingCode::ForeignKeyBlocks => "foreign-key-blocks",
        FindingCode::CascadeUndeclared => "cascade-undeclared",
        FindingCode::ForeignKeyNotIndexed => "foreign-key-not-indexed",
        FindingCode::ConstraintViolated => "constraint-violated",
        FindingCode::StartUnresolved => "start-unreadable",
        FindingCode::ScopeUnreadable => "scope-unreadable",
        FindingCode::HoldUnreadable => "hold-unreadable",
        FindingCode::KeyMissing => "no-key",
        FindingCode::LinkedStay => "linked-stay",
        FindingCode::LockBypassed => "lock-bypassed",
        FindingCode::StoreSetUp => "store-set-up",
        FindingCode::StoreForbids => "store-forbids",
        FindingCode::BackupsUnknown => "backups-unknown",
        FindingCode::GuardRecords
        | FindingCode::GuardShare
        | FindingCode::GuardWholeDataset
        | FindingCode::GuardKeepNewest
        | FindingCode::DatasetUnreachable
        | FindingCode::ClockDoubtful
        | FindingCode::PeriodShortened
        | FindingCode::SharedChildren
        | FindingCode::PartitionsGo
        | FindingCode::PartitionsCould
        | FindingCode::StatementsLogged
        | FindingCode::StatementsCounted
        | FindingCode::RowsLogged
        | FindingCode::LogArchived
        | FindingCode::SlotKeepsLog
        | FindingCode::ChangesSent
        | FindingCode::ReplicaFollows
        | FindingCode::TriggerCopies
        | FindingCode::LeakUnseen
        | FindingCode::SharedWithOthers
        | FindingCode::GivenAnew
        | FindingCode::ReferredTo
        | FindingCode::OwnershipUndeclared
        | FindingCode::NamedInText
        | FindingCode::SameTableTwice
        | FindingCode::LockedByStore
        | FindingCode::OrphanObjects
        | FindingCode::CountsOfInventory
        | FindingCode::NothingDue => return None,
    })
}

pub(super) fn is_about_rule(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::RulesConflict
            | FindingCode::ConstraintViolated
            | FindingCode::ScopeUnreadable
            | FindingCode::StartUnresolved
    )
}
