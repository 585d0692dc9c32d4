//! Lines of a CSV file of an inventory, compressed by gzip or not.

use super::fetch::{Fault, Reading};
use super::{Broken, FIELD_BYTES_MAX};
use ::csv::{ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Most bytes that a byte of a file may become: lists of keys shrink to a tenth or a thirtieth.
const GROWTH_MAX: u64 = 200;
/// What a file may become whatever its size.
const GROWN_BYTES: u64 = 16 << 20;
/// Longest line, in bytes, with what the reader takes in advance.
const LINE_BYTES_MAX: usize = 8 * FIELD_BYTES_MAX;

/// Hands every line to `take`, which answers whether it wants more.
pub(super) fn read(
    reading: Reading,
    is_compressed: bool,
    take: &mut dyn FnMut(&[String]) -> Result<bool, Broken>,
) -> Result<(), Fault> {
    let size = reading.size();
    let of_line = Rc::new(Cell::new(0));
    let bounded = |inner: Box<dyn Inner>| Bounded {
        inner,
        of_line: Rc::clone(&of_line),
        left: size.saturating_mul(GROWTH_MAX).max(GROWN_BYTES),
    };
    let inner: Box<dyn Inner> =
        if is_compressed { Box::new(MultiGzDecoder::new(reading)) } else { Box::new(reading) };
    let mut lines = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bounded(inner));
    let mut line = StringRecord::new();
    loop {
        of_line.set(0);
        match lines.read_record(&mut line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(fault(&error)),
        }
        let fields: Vec<String> = line.iter().map(str::to_owned).collect();
        if !take(&fields).map_err(Fault::Broken)? {
            return Ok(());
        }
    }
    lines.into_inner().inner.into_reading().finish()
}

/// What went wrong, without any content of the file.
fn fault(error: &::csv::Error) -> Fault {
    Fault::Broken(match error.kind() {
        ::csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::ConnectionAborted => {
            return Fault::Lost;
        }
        ::csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
        ::csv::ErrorKind::Io(_) => "a file of it cannot be decompressed".to_owned(),
        _ => "a line of it cannot be read".to_owned(),
    })
}

/// What can be read and gives the file back at the end.
trait Inner: Read {
    fn into_reading(self: Box<Self>) -> Reading;
}

impl Inner for Reading {
    fn into_reading(self: Box<Self>) -> Reading {
        *self
    }
}

impl Inner for MultiGzDecoder<Reading> {
    fn into_reading(self: Box<Self>) -> Reading {
        self.into_inner()
    }
}

/// Stops at a line or a file that grows beyond measure.
struct Bounded {
    inner: Box<dyn Inner>,
    /// Bytes read since the last line was told.
    of_line: Rc<Cell<usize>>,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let beyond = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
        if self.of_line.get() > LINE_BYTES_MAX {
            return beyond("a line of it is too long");
        }
        let read = self.inner.read(buffer)?;
        self.of_line.set(self.of_line.get() + read);
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return beyond("a file of it grows beyond measure when it is decompressed"),
        }
        Ok(read)
    }
}
