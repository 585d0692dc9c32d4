//! Checks of a catalog against the live stores.
//!
//! Floor 3; reads only. The documents alone are checked when they are loaded; here is what only the
//! stores can tell.

mod codes;
mod linkage;
pub mod live;
pub mod personal;
pub mod places;
pub mod readers;

pub use live::{LiveCheck, check_live};
pub use places::Places;
pub use readers::check_readers;
