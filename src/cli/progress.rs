//! Progress of a run on standard error: a bar on a terminal, a plain line every few seconds else
//! (floor 8). Never a value of a record: datasets, counts and reasons only.

use crate::execution::{ProgressSink, Snapshot};
use crate::policy::Language;
use crate::views::text::{number, seconds};
use crate::views::words::run as words;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::{Debug, Formatter};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// A bar on the terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    language: Language,
}

impl Bar {
    pub(super) fn new(language: Language) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, language }
    }

    fn show(&self, snapshot: &Snapshot) {
        self.bar.set_length(snapshot.planned.max(snapshot.disposed));
        self.bar.set_position(snapshot.disposed);
        self.bar.set_message(line(snapshot, self.language));
    }

    /// Leaves the terminal as it was.
    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }

    /// Says a line above the bar.
    pub(super) fn say(&self, text: &str) {
        self.bar.println(text);
    }
}

impl Debug for Bar {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bar")
    }
}

impl ProgressSink for Bar {
    fn advanced(&self, snapshot: &Snapshot) {
        self.show(snapshot);
    }

    fn ended(&self, snapshot: &Snapshot) {
        self.show(snapshot);
        self.bar.println(ended(snapshot, self.language));
    }
}

/// Lines on a stream that is no terminal.
pub(super) struct Lines<'a> {
    state: Mutex<LinesState<'a>>,
    language: Language,
}

struct LinesState<'a> {
    stream: &'a mut (dyn Write + Send),
    item: Option<u32>,
    said_at: Duration,
}

impl<'a> Lines<'a> {
    pub(super) fn new(stream: &'a mut (dyn Write + Send), language: Language) -> Self {
        let state = LinesState { stream, item: None, said_at: Duration::ZERO };
        Self { state: Mutex::new(state), language }
    }

    pub(super) fn say(&self, text: &str) {
        // There is nowhere left to say that standard error cannot be written.
        let _nobody_reads = writeln!(self.state().stream, "{text}");
    }

    fn state(&self) -> MutexGuard<'_, LinesState<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether enough time went by since the last line of this item.
    fn is_time(&self, snapshot: &Snapshot) -> bool {
        let mut state = self.state();
        if state.item != Some(snapshot.item) {
            state.item = Some(snapshot.item);
            state.said_at = Duration::ZERO;
        }
        let is_time = snapshot.elapsed.saturating_sub(state.said_at) >= LINE_EVERY;
        if is_time {
            state.said_at = snapshot.elapsed;
        }
        is_time
    }
}

impl Debug for Lines<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Lines")
    }
}

impl ProgressSink for Lines<'_> {
    fn advanced(&self, snapshot: &Snapshot) {
        if self.is_time(snapshot) {
            self.say(&line(snapshot, self.language));
        }
    }

    fn ended(&self, snapshot: &Snapshot) {
        self.say(&ended(snapshot, self.language));
    }
}

/// Records, rate, time left, and why it goes slower than it could.
fn line(snapshot: &Snapshot, language: Language) -> String {
    let unknown = || words::UNKNOWN_YET.text(language).to_owned();
    let rate = snapshot.rate().map_or_else(unknown, number);
    let left = snapshot.eta().map_or_else(unknown, clock);
    let (disposed, planned) = (number(snapshot.disposed), number(snapshot.planned));
    let line = words::PROGRESS.fill(language, &[&snapshot.dataset, &disposed, &planned, &rate, &left]);
    if snapshot.slowed_by.is_empty() {
        return line;
    }
    words::PROGRESS_SLOWED.fill(language, &[&line, &snapshot.slowed_by.join(", ")])
}

fn ended(snapshot: &Snapshot, language: Language) -> String {
    let (disposed, planned) = (number(snapshot.disposed), number(snapshot.planned));
    let seconds = seconds(snapshot.elapsed, language);
    words::PROGRESS_ENDED.fill(language, &[&snapshot.dataset, &disposed, &planned, &seconds])
}

/// `h:mm:ss`, or `m:ss` below an hour.
fn clock(left: Duration) -> String {
    let seconds = left.as_secs();
    let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
    if hours > 0 {
        return format!("{hours}:{minutes:02}:{:02}", seconds % 60);
    }
    format!("{minutes}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(item: u32, seconds: u64) -> Snapshot {
        Snapshot {
            item,
            dataset: "shop.orders".into(),
            disposed: 500 * seconds,
            planned: 100_000,
            elapsed: Duration::from_secs(seconds),
            slowed_by: Vec::new(),
        }
    }

    #[test]
    fn the_line_has_rate_time_left_and_reason() {
        let slowed = Snapshot { slowed_by: vec!["lock waits".into()], ..snapshot(0, 10) };
        let expected = "shop.orders: 5\u{202f}000 of 100\u{202f}000, 500/s, 3:10 left, slowed by: lock waits";
        assert_eq!(line(&slowed, Language::En), expected);
    }

    #[test]
    fn nothing_is_promised_before_anything_is_known() {
        assert_eq!(line(&snapshot(0, 0), Language::Fr), "shop.orders : 0 sur 100\u{202f}000, ?/s, encore ?");
    }

    #[test]
    fn lines_come_every_few_seconds_and_at_the_end_of_each_item() {
        let mut stream = Vec::new();
        let lines = Lines::new(&mut stream, Language::En);
        for seconds in 0..8 {
            lines.advanced(&snapshot(0, seconds));
        }
        lines.ended(&snapshot(0, 8));
        lines.advanced(&snapshot(1, 3));
        assert_eq!(String::from_utf8(stream).unwrap().lines().count(), 4);
    }

    #[test]
    fn hours_are_shown_when_there_are_any() {
        assert_eq!(clock(Duration::from_secs(59)), "0:59");
        assert_eq!(clock(Duration::from_secs(3_661)), "1:01:01");
    }
}
