//! Erasure requests: one person, everywhere, honestly (GDPR art. 17).
//!
//! Floor 3. A request is a value with states and a deadline ([`request`], [`deadline`]); finding the person
//! is a walk over what the data map declares ([`walk`]); what becomes of what was found is a plan like any
//! other ([`planner`]), approved, carried out and certified by the same machinery as a retention plan.
//! Nothing here writes to a store, and nothing decides who a person is: that is verified by a human being
//! and said to [`request::Request::verify`].
//!
//! Reading order: `ground`, `deadline`, `request`; then `graph`, `walk`, `found`, `gathered`, `search`, `texts`, `compile`, `planner`;
//! `disclosure` for what the person may be shown; `suppression` and `returned` for who comes back after a backup
//! was restored.

pub mod compile;
pub mod deadline;
pub mod disclosure;
pub mod found;
pub mod gathered;
pub mod graph;
pub mod ground;
pub mod planner;
pub mod recipient;
pub mod request;
pub mod returned;
pub mod search;
pub mod suppression;
pub mod texts;
pub mod walk;

#[cfg(test)]
mod tests;
