//! Lines of a Parquet file of an inventory, read in parts.

use super::Broken;
use super::fetch::{Fault, Parts};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, FileReader as _, Length};
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::record::Field;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use std::io::Read;

/// Largest part that is held at once, in bytes: a page, or the description of the file.
const PART_BYTES_MAX: usize = 64 << 20;
/// Read ahead for the head of a page, in bytes.
const HEAD_BYTES: usize = 16 << 10;

/// The names of the columns.
pub(super) fn names(parts: &Parts) -> Result<Vec<String>, Fault> {
    let file = open(parts)?;
    let schema = file.metadata().file_metadata().schema_descr();
    Ok(schema.columns().iter().map(|column| column.path().string()).collect())
}

/// Hands every line to `take`, which answers whether it wants more.
pub(super) fn read(
    parts: &Parts,
    take: &mut dyn FnMut(&[String]) -> Result<bool, Broken>,
) -> Result<(), Fault> {
    let file = open(parts)?;
    for row in file.get_row_iter(None).map_err(|_| parts.fault("a file of it is no Parquet file"))? {
        let row = row.map_err(|_| parts.fault("a line of it cannot be read"))?;
        let fields: Option<Vec<String>> = row.get_column_iter().map(|(_, field)| text(field)).collect();
        let fields = fields.ok_or_else(|| parts.fault("a field of it has an unexpected type"))?;
        if !take(&fields).map_err(Fault::Broken)? {
            return Ok(());
        }
    }
    Ok(())
}

fn open(parts: &Parts) -> Result<SerializedFileReader<Parts>, Fault> {
    SerializedFileReader::new(parts.clone()).map_err(|_| parts.fault("a file of it is no Parquet file"))
}

/// The field as a CSV file has it; `None` for a type that no inventory has.
fn text(field: &Field) -> Option<String> {
    Some(match field {
        Field::Null => String::new(),
        Field::Bool(truth) => truth.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok()?.to_owned(),
        Field::TimestampMillis(at) => written(DateTime::from_timestamp_millis(*at)?),
        Field::TimestampMicros(at) => written(DateTime::from_timestamp_micros(*at)?),
        _ => return None,
    })
}

fn written(at: DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Length for Parts {
    fn len(&self) -> u64 {
        self.size()
    }
}

impl ChunkReader for Parts {
    type T = Head;

    fn get_read(&self, start: u64) -> ParquetResult<Head> {
        Ok(Head { parts: self.clone(), at: start, ready: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if length > PART_BYTES_MAX {
            return Err(ParquetError::General("a part is too large".to_owned()));
        }
        self.part(start, length).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// Reads on from a place, a little at a time.
pub(super) struct Head {
    parts: Parts,
    at: u64,
    ready: Bytes,
}

impl Read for Head {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.ready.is_empty() {
            let left = usize::try_from(self.parts.size().saturating_sub(self.at)).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok(0);
            }
            self.ready = self.parts.part(self.at, left.min(HEAD_BYTES))?;
            self.at += self.ready.len() as u64;
        }
        let taken = self.ready.split_to(self.ready.len().min(buffer.len()));
        for (place, byte) in buffer.iter_mut().zip(&taken) {
            *place = *byte;
        }
        Ok(taken.len())
    }
}
