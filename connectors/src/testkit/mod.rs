//! The contract that every store keeps, as functions over a small fixture.
//!
//! A store writes one [`Fixture`] for each way it can be set up and passes it to
//! [`contract_suite!`](crate::contract_suite). The checks know nothing of tables or files: they make
//! records with a start and an attribute, use the two ports, and look at what is left through the
//! fixture's own eyes, not through the port under test.

mod checks;
mod fixture;
mod walk;

pub use checks::*;
pub use fixture::{Fixture, HOSTILE_NAMES, Record, Start, TestDataset};
pub use walk::{AcceptedIntents, RefusedIntents, dispose_all, purge_selection};

/// Makes one test of each check of the contract, in a module of its own.
///
/// `$make` is an expression that makes a fresh fixture; it is evaluated for each check.
#[macro_export]
macro_rules! contract_suite {
    ($name:ident, $make:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "what the fixture needs depends on the store")]
            use super::*;

            $crate::contract_suite!(@checks $make;
                purge_removes_exactly_the_due,
                purge_is_safe_to_repeat,
                a_refused_intent_changes_nothing,
                intended_keys_equal_disposed_keys,
                held_records_stay,
                a_hold_that_is_unknown_for_a_record_keeps_it,
                undecidable_records_stay,
                the_walk_visits_each_due_record_once,
                pages_list_each_due_record_once,
                what_goes_on_request_is_named_by_its_scope,
                observe_tells_absent_and_present,
                a_changed_record_is_kept,
                only_the_records_asked_for_are_touched,
                records_asked_for_that_are_gone_are_already_absent,
                survey_counts_partition_the_dataset,
                survey_counts_what_is_disposed_of,
                the_oracle_agrees_with_the_survey,
            );
        }
    };
    (@checks $make:expr; $($check:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $check() {
                $crate::testkit::$check(&$make).await;
            }
        )+
    };
}
