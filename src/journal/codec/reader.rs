//! Reading the encoding of [`super`]. Floor 4. Bytes are taken as hostile: nothing is allocated on
//! the word of a length alone.

use super::writer::{
    RUN_INTS, RUN_MIXED, RUN_TEXTS, TAG_BYTES, TAG_DATE, TAG_FALSE, TAG_INSTANT, TAG_INT, TAG_NULL, TAG_REAL,
    TAG_TEXT, TAG_TRUE,
};
use super::{CODEC_VERSION, CodecError, GROUPS_MAX, KEY_PARTS_MAX, KEYS_MAX, TEXT_BYTES_MAX};
use chrono::{DateTime, NaiveDate};
use connectors::{RecordKey, Value};

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    keys: usize,
    text_bytes: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], kind: u8) -> Result<Self, CodecError> {
        match bytes {
            [CODEC_VERSION, found, rest @ ..] if *found == kind => Ok(Self { rest, keys: 0, text_bytes: 0 }),
            [CODEC_VERSION, ..] | [] => Err(CodecError::Malformed),
            [found, ..] => Err(CodecError::Version { found: *found }),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Malformed) }
    }

    pub(super) fn flag(&mut self) -> Result<bool, CodecError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Malformed),
        }
    }

    pub(super) fn groups<T>(
        &mut self,
        make: impl Fn(String, Vec<RecordKey>) -> T,
    ) -> Result<Vec<T>, CodecError> {
        let count = self.count(GROUPS_MAX)?;
        let mut groups = Vec::with_capacity(count);
        for _ in 0..count {
            let dataset = self.text()?;
            groups.push(make(dataset, self.keys()?));
        }
        Ok(groups)
    }

    pub(super) fn optional_key(&mut self) -> Result<Option<RecordKey>, CodecError> {
        if self.flag()? { self.key().map(Some) } else { Ok(None) }
    }

    fn keys(&mut self) -> Result<Vec<RecordKey>, CodecError> {
        let run = self.byte()?;
        let count = self.count(KEYS_MAX.saturating_sub(self.keys))?;
        self.keys = self.keys.saturating_add(count);
        match run {
            RUN_INTS => self.ints(count),
            RUN_TEXTS => self.texts(count),
            RUN_MIXED => {
                let mut keys = Vec::with_capacity(count);
                for _ in 0..count {
                    keys.push(self.key()?);
                }
                Ok(keys)
            }
            _ => Err(CodecError::Malformed),
        }
    }

    fn ints(&mut self, count: usize) -> Result<Vec<RecordKey>, CodecError> {
        let mut keys = Vec::with_capacity(count);
        let mut before = 0i64;
        for _ in 0..count {
            before = before.wrapping_add(self.signed()?);
            keys.push(RecordKey::int(before));
        }
        Ok(keys)
    }

    fn texts(&mut self, count: usize) -> Result<Vec<RecordKey>, CodecError> {
        let mut keys = Vec::with_capacity(count);
        let mut before: Vec<u8> = Vec::new();
        for _ in 0..count {
            let shared = self.size()?;
            if shared > before.len() {
                return Err(CodecError::Malformed);
            }
            self.count_text(shared)?;
            let rest = self.blob()?;
            before.truncate(shared);
            before.extend_from_slice(rest);
            let text = std::str::from_utf8(&before).map_err(|_| CodecError::Malformed)?;
            keys.push(RecordKey::text(text));
        }
        Ok(keys)
    }

    fn key(&mut self) -> Result<RecordKey, CodecError> {
        let count = self.count(KEY_PARTS_MAX)?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(self.value()?);
        }
        Ok(RecordKey::of(parts))
    }

    fn value(&mut self) -> Result<Value, CodecError> {
        Ok(match self.byte()? {
            TAG_NULL => Value::Null,
            TAG_FALSE => Value::Bool(false),
            TAG_TRUE => Value::Bool(true),
            TAG_INT => Value::Int(self.signed()?),
            TAG_REAL => Value::Real(f64::from_bits(self.eight_bytes()?)),
            TAG_TEXT => Value::Text(self.text()?),
            TAG_BYTES => Value::Bytes(self.blob()?.to_vec()),
            TAG_DATE => {
                let days = i32::try_from(self.signed()?).map_err(|_| CodecError::Malformed)?;
                Value::Date(NaiveDate::from_num_days_from_ce_opt(days).ok_or(CodecError::Malformed)?)
            }
            TAG_INSTANT => {
                let seconds = self.signed()?;
                let nanos = u32::try_from(self.unsigned()?).map_err(|_| CodecError::Malformed)?;
                Value::Instant(DateTime::from_timestamp(seconds, nanos).ok_or(CodecError::Malformed)?)
            }
            _ => return Err(CodecError::Malformed),
        })
    }

    pub(super) fn text(&mut self) -> Result<String, CodecError> {
        let bytes = self.blob()?;
        std::str::from_utf8(bytes).map(ToOwned::to_owned).map_err(|_| CodecError::Malformed)
    }

    fn blob(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.size()?;
        self.count_text(length)?;
        let (blob, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Malformed)?;
        self.rest = rest;
        Ok(blob)
    }

    fn count_text(&mut self, bytes: usize) -> Result<(), CodecError> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        if self.text_bytes > TEXT_BYTES_MAX { Err(CodecError::TooLarge) } else { Ok(()) }
    }

    /// A number of things, each of which takes at least one byte of what is left.
    fn count(&mut self, most: usize) -> Result<usize, CodecError> {
        let count = self.size()?;
        if count > most {
            Err(CodecError::TooLarge)
        } else if count > self.rest.len() {
            Err(CodecError::Malformed)
        } else {
            Ok(count)
        }
    }

    fn size(&mut self) -> Result<usize, CodecError> {
        usize::try_from(self.unsigned()?).map_err(|_| CodecError::Malformed)
    }

    fn signed(&mut self) -> Result<i64, CodecError> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg())
    }

    fn unsigned(&mut self) -> Result<u64, CodecError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return Err(CodecError::Malformed);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(CodecError::Malformed)
    }

    fn eight_bytes(&mut self) -> Result<u64, CodecError> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or(CodecError::Malformed)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        let (byte, rest) = self.rest.split_first().ok_or(CodecError::Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }
}
