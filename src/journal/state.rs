//! The states of a batch and the only ways between them. Pure.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// Durable before anything is touched. Without an answer it is in doubt.
    Intended,
    /// The store answered, or looking settled the doubt.
    Acted,
    /// The final state of every claimed record was seen.
    Proven,
    /// Nothing of it is claimed; its records are planned anew by the next batch.
    Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    Intend,
    /// The store's own answer.
    Act,
    /// Settled by looking after a crash or a lost answer.
    Settle,
    Prove,
    Abandon,
}

/// The state after `transition`, or `None` if the journal forbids it. Terminal states stay.
#[must_use]
pub fn next(state: Option<BatchState>, transition: Transition) -> Option<BatchState> {
    match (state, transition) {
        (None, Transition::Intend) => Some(BatchState::Intended),
        (Some(BatchState::Intended), Transition::Act | Transition::Settle) => Some(BatchState::Acted),
        (Some(BatchState::Intended), Transition::Abandon) => Some(BatchState::Abandoned),
        (Some(BatchState::Acted), Transition::Prove) => Some(BatchState::Proven),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [Option<BatchState>; 5] = [
        None,
        Some(BatchState::Intended),
        Some(BatchState::Acted),
        Some(BatchState::Proven),
        Some(BatchState::Abandoned),
    ];

    #[test]
    fn only_an_acted_batch_can_be_proven() {
        for state in STATES {
            let proven = next(state, Transition::Prove);
            assert_eq!(proven.is_some(), state == Some(BatchState::Acted), "{state:?}");
        }
    }

    #[test]
    fn what_the_store_answered_cannot_be_abandoned() {
        assert_eq!(next(Some(BatchState::Acted), Transition::Abandon), None);
    }

    #[test]
    fn terminal_states_have_no_way_out() {
        use Transition::{Abandon, Act, Intend, Prove, Settle};
        for state in [BatchState::Proven, BatchState::Abandoned] {
            for transition in [Intend, Act, Settle, Prove, Abandon] {
                assert_eq!(next(Some(state), transition), None);
            }
        }
    }
}
