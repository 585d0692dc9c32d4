//! What selections, predicates, start events and transforms are in SQLite's SQL.
//!
//! SQLite is dynamically typed: any column may hold any type. Every expression here has exactly the
//! meaning of its in-process twin ([`crate::predicate::Predicate::evaluate`], [`crate::classify`],
//! [`crate::transform::Transform::apply`]) for whatever is stored; property tests hold them together.
//!
//! How types are stored: booleans as integers 0 and 1, dates as `YYYY-MM-DD`, instants as ISO 8601
//! text. `text` must be valid UTF-8 or be read lossily by the caller; the twins cannot agree on bytes
//! that are no text.

mod class;
mod predicate;
mod reading;
mod start;
mod transform;

pub use class::{
    already_done, class_case, class_of_code, dependent_holds, due_condition, holds_by_id, referenced,
};
pub use predicate::render;
pub use start::{StartText, standing, start};
pub use transform::{already_equal, transform};

#[cfg(all(test, feature = "sqlite"))]
mod tests;
