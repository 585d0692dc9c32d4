//! Policies: how long records are kept, and why (floor 1).
//!
//! Reading order: [`period`], [`calendar`], [`retention`], [`bounds`], [`model`], [`document`],
//! [`read`], [`packs`]. Nothing here knows a store, a clock or a file.

pub mod bounds;
pub mod calendar;
mod check;
pub mod deadline;
pub mod document;
pub mod model;
pub mod packs;
pub mod period;
pub mod read;
pub mod retention;
pub mod scalars;

pub use bounds::{Bound, BoundKind, Certainty, Sense};
pub use model::{
    Disposition, EmptyDataset, Exempt, Guards, Language, Policy, RetainFor, Rule, ScopeText, Share,
    StartType, StartsFrom, Texts,
};
pub use period::{Period, PeriodError};
pub use retention::{FiscalYearEnd, RetentionClock, Rounding};

#[cfg(test)]
mod tests;
