//! Where a command writes: data to standard output, everything else to standard error (floor 8).
//!
//! A reader who goes away (`| head`) is no error: what follows is dropped, and the command goes on
//! to its end with its own exit status.

use super::arguments::Format;
use super::failure::Failure;
use crate::policy::Language;
use serde::Serialize;
use std::fmt::{Debug, Formatter};
use std::io::{self, ErrorKind, Write};

/// The two streams of one call, and how to write to them.
pub struct Output<'a> {
    stdout: &'a mut (dyn Write + Send),
    stderr: &'a mut (dyn Write + Send),
    stdout_closed: bool,
    pub format: Format,
    pub language: Language,
    /// Somebody said which; else the settings may say another.
    pub language_is_certain: bool,
    pub quiet: bool,
    pub color: bool,
    /// Standard error is a terminal: progress may be drawn.
    pub draws: bool,
}

impl Debug for Output<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Output").field("format", &self.format).finish_non_exhaustive()
    }
}

impl<'a> Output<'a> {
    pub fn new(
        stdout: &'a mut (dyn Write + Send),
        stderr: &'a mut (dyn Write + Send),
        format: Format,
        language: Language,
    ) -> Self {
        Self {
            stdout,
            stderr,
            stdout_closed: false,
            format,
            language,
            language_is_certain: true,
            quiet: false,
            color: false,
            draws: false,
        }
    }

    /// Writes data for people or programs as it is.
    ///
    /// # Errors
    /// When it cannot be written for another reason than that nobody reads it.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        if self.stdout_closed {
            return Ok(());
        }
        match self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.stdout_closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::unexpected(format!("standard output cannot be written: {error}"))),
        }
    }

    /// Writes one JSON value, indented.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::unexpected(format!("the answer cannot be written as JSON: {error}")))?;
        self.data(&(text + "\n"))
    }

    /// Writes the JSON or the text, as was asked for.
    pub fn answer(
        &mut self,
        json: &impl Serialize,
        human: impl FnOnce(Language) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(json),
            Format::Human => {
                let text = human(self.language);
                self.data(&text)
            }
        }
    }

    /// Says something beside the data; nothing when quiet.
    pub fn remark(&mut self, text: &str) {
        if !self.quiet {
            self.report(text);
        }
    }

    /// Says something beside the data, quiet or not.
    pub fn report(&mut self, text: &str) {
        // There is nowhere left to say that standard error cannot be written.
        let _nobody_reads = writeln!(self.stderr, "{}", text.trim_end_matches('\n'));
    }

    /// `error: …`, then `hint: …`.
    pub fn failure(&mut self, failure: &Failure) {
        let (red, cyan, reset) =
            if self.color { ("\u{1b}[31m", "\u{1b}[36m", "\u{1b}[0m") } else { ("", "", "") };
        if let Some(diagnostics) = &failure.diagnostics {
            self.report(&diagnostics.to_string());
        }
        self.report(&format!("{red}error{reset}: {}", failure.message));
        if let Some(hint) = &failure.hint {
            self.report(&format!("{cyan}hint{reset}: {hint}"));
        }
    }

    /// Standard error alone, for what writes while a command is under way.
    pub fn stderr(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.stderr
    }
}

/// A stream that nobody reads.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone(ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let (mut out, mut err) = (Gone(ErrorKind::BrokenPipe), Nowhere);
        let mut output = Output::new(&mut out, &mut err, Format::Human, Language::En);
        output.data("one\n").unwrap();
        output.data("two\n").unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let (mut out, mut err) = (Gone(ErrorKind::StorageFull), Nowhere);
        let mut output = Output::new(&mut out, &mut err, Format::Human, Language::En);
        assert!(output.data("one\n").is_err());
    }

    #[test]
    fn an_error_comes_with_its_hint_on_standard_error() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut out, &mut err, Format::Human, Language::En);
        output.quiet = true;
        output.remark("said to nobody");
        output.failure(&Failure::usage("no such plan").with_hint("run `oubliette status`"));
        assert!(out.is_empty());
        assert_eq!(String::from_utf8(err).unwrap(), "error: no such plan\nhint: run `oubliette status`\n");
    }
}
