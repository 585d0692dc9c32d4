//! What a store must provide for the contract to be tried on it.

use crate::dataset::{DatasetAddress, DatasetShape};
use crate::port::{RecordDisposer, RecordSource};
use crate::predicate::Field;
use crate::selection::StartEncoding;
use crate::value::RecordKey;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::BTreeSet;

/// Names that have broken other programs. A store that lets its owner choose names (of tables, of
/// columns, of folders) is tried with each of them.
pub const HOSTILE_NAMES: &[&str] = &[
    "a \"quoted\" name",
    "it's",
    "with space ",
    "select",
    "x; DROP TABLE victims; --",
    "é中文🦀",
    "back`tick [and] {0} brackets",
    "%s ? $1 :name @p",
];

/// One record to be made.
#[derive(Debug, Clone)]
pub struct Record {
    /// Number of the record, from 1; the fixture makes a key of it. Numbers follow the order of keys.
    pub number: u32,
    pub start: Start,
    /// Value of the attribute that scopes and holds speak of.
    pub attribute: Option<String>,
}

/// The start of a record's period, as the store is to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    On(NaiveDate),
    Missing,
    Unreadable,
}

/// A dataset that a fixture made.
#[derive(Debug, Clone)]
pub struct TestDataset {
    pub address: DatasetAddress,
    pub shape: DatasetShape,
    pub start: Field,
    pub encoding: StartEncoding,
    pub attribute: Field,
    /// For objects: see [`crate::Selection::unchanged_since`].
    pub unchanged_since: Option<DateTime<Utc>>,
}

/// One way of setting up one store. Everything in it lives as long as the fixture.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Makes the dataset with exactly these records. Called once.
    async fn create(&self, records: &[Record]) -> TestDataset;
    /// The key of the record with this number.
    fn key(&self, number: u32) -> RecordKey;
    /// Whether the store can hold such a start at all.
    fn can_hold(&self, start: Start) -> bool;
    /// Whether a record may have no attribute.
    fn can_lack_attribute(&self) -> bool;
    async fn source(&self) -> Box<dyn RecordSource>;
    async fn disposer(&self) -> Box<dyn RecordDisposer>;
    /// Numbers of the records that are there, seen without the ports.
    async fn numbers(&self) -> BTreeSet<u32>;
    /// Changes a due record, so that it must not be disposed of any more.
    async fn change(&self, number: u32);
    /// Removes a record as its owner would, without the ports.
    async fn remove(&self, number: u32);
}
