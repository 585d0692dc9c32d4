//! Writing the encoding of [`super`]. Floor 4.

use super::{CODEC_VERSION, CodecError, GROUPS_MAX, KEY_PARTS_MAX, KEYS_MAX, TEXT_BYTES_MAX};
use chrono::Datelike;
use connectors::{RecordKey, Value};

/// How the keys of a group are written.
pub(super) const RUN_MIXED: u8 = 0;
pub(super) const RUN_INTS: u8 = 1;
pub(super) const RUN_TEXTS: u8 = 2;

pub(super) const TAG_NULL: u8 = 0;
pub(super) const TAG_FALSE: u8 = 1;
pub(super) const TAG_TRUE: u8 = 2;
pub(super) const TAG_INT: u8 = 3;
pub(super) const TAG_REAL: u8 = 4;
pub(super) const TAG_TEXT: u8 = 5;
pub(super) const TAG_BYTES: u8 = 6;
pub(super) const TAG_DATE: u8 = 7;
pub(super) const TAG_INSTANT: u8 = 8;

/// Grows an encoding and keeps count of what the reader bounds, so that nothing is written that
/// could not be read back.
pub(super) struct Writer {
    bytes: Vec<u8>,
    keys: usize,
    text_bytes: usize,
}

impl Writer {
    pub(super) fn new(kind: u8) -> Self {
        Self { bytes: vec![CODEC_VERSION, kind], keys: 0, text_bytes: 0 }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.bytes.push(u8::from(flag));
    }

    pub(super) fn groups<'a>(
        &mut self,
        count: usize,
        groups: impl Iterator<Item = (&'a str, &'a [RecordKey])>,
    ) -> Result<(), CodecError> {
        if count > GROUPS_MAX {
            return Err(CodecError::TooLarge);
        }
        self.length(count);
        for (dataset, keys) in groups {
            self.blob(dataset.as_bytes())?;
            self.keys(keys)?;
        }
        Ok(())
    }

    pub(super) fn optional_key(&mut self, key: Option<&RecordKey>) -> Result<(), CodecError> {
        self.flag(key.is_some());
        key.map_or(Ok(()), |key| self.key(key))
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), CodecError> {
        self.blob(text.as_bytes())
    }

    fn keys(&mut self, keys: &[RecordKey]) -> Result<(), CodecError> {
        self.keys = self.keys.saturating_add(keys.len());
        if self.keys > KEYS_MAX {
            return Err(CodecError::TooLarge);
        }
        // A guess that is right for runs of close integers, and spares most of the regrowth.
        self.bytes.reserve(keys.len().saturating_mul(3));
        if keys.iter().all(|key| matches!(key.0.as_slice(), [Value::Int(_)])) {
            self.start_run(RUN_INTS, keys.len());
            self.ints(keys);
            Ok(())
        } else if keys.iter().all(|key| matches!(key.0.as_slice(), [Value::Text(_)])) {
            self.start_run(RUN_TEXTS, keys.len());
            self.texts(keys)
        } else {
            self.start_run(RUN_MIXED, keys.len());
            keys.iter().try_for_each(|key| self.key(key))
        }
    }

    fn start_run(&mut self, run: u8, count: usize) {
        self.bytes.push(run);
        self.length(count);
    }

    fn ints(&mut self, keys: &[RecordKey]) {
        let mut before = 0i64;
        for key in keys {
            if let [Value::Int(number)] = key.0.as_slice() {
                self.signed(number.wrapping_sub(before));
                before = *number;
            }
        }
    }

    fn texts(&mut self, keys: &[RecordKey]) -> Result<(), CodecError> {
        let mut before: &[u8] = &[];
        for key in keys {
            if let [Value::Text(text)] = key.0.as_slice() {
                let text = text.as_bytes();
                let shared = before.iter().zip(text).take_while(|(left, right)| left == right).count();
                let (prefix, rest) = text.split_at(shared);
                self.count_text(prefix.len())?;
                self.length(shared);
                self.blob(rest)?;
                before = text;
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &RecordKey) -> Result<(), CodecError> {
        if key.0.len() > KEY_PARTS_MAX {
            return Err(CodecError::TooLarge);
        }
        self.length(key.0.len());
        key.0.iter().try_for_each(|value| self.value(value))
    }

    fn value(&mut self, value: &Value) -> Result<(), CodecError> {
        match value {
            Value::Null => self.bytes.push(TAG_NULL),
            Value::Bool(false) => self.bytes.push(TAG_FALSE),
            Value::Bool(true) => self.bytes.push(TAG_TRUE),
            Value::Int(number) => {
                self.bytes.push(TAG_INT);
                self.signed(*number);
            }
            Value::Real(number) => {
                self.bytes.push(TAG_REAL);
                self.bytes.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Value::Text(text) => {
                self.bytes.push(TAG_TEXT);
                self.blob(text.as_bytes())?;
            }
            Value::Bytes(bytes) => {
                self.bytes.push(TAG_BYTES);
                self.blob(bytes)?;
            }
            Value::Date(date) => {
                self.bytes.push(TAG_DATE);
                self.signed(i64::from(date.num_days_from_ce()));
            }
            Value::Instant(instant) => {
                self.bytes.push(TAG_INSTANT);
                self.signed(instant.timestamp());
                self.unsigned(u64::from(instant.timestamp_subsec_nanos()));
            }
        }
        Ok(())
    }

    fn blob(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        self.count_text(bytes.len())?;
        self.length(bytes.len());
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn count_text(&mut self, bytes: usize) -> Result<(), CodecError> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        if self.text_bytes > TEXT_BYTES_MAX { Err(CodecError::TooLarge) } else { Ok(()) }
    }

    fn length(&mut self, length: usize) {
        // A usize has at most 64 bits on every platform that Rust knows.
        self.unsigned(length as u64);
    }

    /// Zigzag: small differences of either sign take one byte.
    fn signed(&mut self, number: i64) {
        self.unsigned((number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
    }

    fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }
}
