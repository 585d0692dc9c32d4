//! What people and programs read, made of the values that the application returns.
//!
//! Floor 8, pure. Each view has a text in French and English and a JSON form. The JSON types are
//! contracts of their own, with a `format_version`: a domain type may change without them. The one
//! exception is the plan, which is a contract already.

pub mod answer;
pub mod certificate_html;
pub mod certificates;
pub mod closures;
mod counts;
pub mod diagnostics;
pub mod explain;
pub mod export;
pub mod holds;
pub mod looking;
pub mod plan;
pub mod recipients;
pub mod replay;
pub mod requests;
pub mod run;
pub mod schedules;
pub mod status;
pub mod text;
pub mod together;
pub mod verify;
pub mod words;

/// Version of the JSON forms. A change that a reader could stumble over raises it.
pub const JSON_FORMAT_VERSION: u32 = 1;
