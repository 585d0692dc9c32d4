//! YAML documents as trees with places, and the forms they must have (floor 0).
//!
//! A document is parsed into [`Node`]s that know their line and column; a table of [`Form`]s then
//! says what may stand where. The same tables give the JSON Schema for editors, so that the two
//! cannot drift apart. What a document *means* is for [`crate::policy`], [`crate::data_map`] and
//! [`crate::settings`].
//!
//! The YAML understood here is a strict part of YAML 1.2: one document a file, no tags, anchors,
//! aliases, merge keys or directives, and every scalar keeps the text that was written.

pub mod form;
mod node;
mod parse;
pub mod schema;
mod source;

pub use form::{Form, Key, Shape};
pub use node::{Node, NodeValue, Place};
pub use parse::parse;
pub use source::{Report, Source};

#[cfg(test)]
mod second_reader;
