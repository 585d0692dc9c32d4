//! What a daemon needs over time: memory and open files.

use std::fmt;
use std::time::Duration;

/// So much more in the last quarter than in the second is still steady: the allocator and the moment.
const MEMORY_MORE_PERCENT: u64 = 25;
const FILES_MORE: u64 = 8;
/// With fewer looks there is no trend to see.
const LOOKS_MIN: usize = 20;

#[derive(Debug, Clone, Copy)]
struct Look {
    after: Duration,
    /// KiB.
    memory: u64,
    files: u64,
}

#[derive(Debug, Default)]
pub(super) struct Needs(Vec<Look>);

impl Needs {
    /// Looks when it is time to; whether it was.
    pub(super) fn look(
        &mut self,
        after: Duration,
        every_seconds: u64,
        needs: impl Fn() -> (u64, u64),
    ) -> bool {
        let every = Duration::from_secs(every_seconds);
        let is_time = self.0.last().is_none_or(|last| after >= last.after + every);
        if is_time {
            let (memory, files) = needs();
            self.0.push(Look { after, memory, files });
        }
        is_time
    }

    pub(super) fn last(&self) -> String {
        let Look { after, memory, files } = self.0.last().unwrap();
        format!("{:>6} s: {memory:>7} KiB, {files:>3} files", after.as_secs())
    }

    /// Medians of memory and files in a quarter of the time, counted from 0.
    fn quarter(&self, number: usize) -> (u64, u64) {
        let size = self.0.len() / 4;
        let looks = self.0.iter().skip(number * size).take(size.max(1));
        let median = |mut values: Vec<u64>| {
            values.sort_unstable();
            values[values.len() / 2]
        };
        let (memory, files) = looks.map(|look| (look.memory, look.files)).unzip();
        (median(memory), median(files))
    }

    #[track_caller]
    pub(super) fn assert_steady(&self) {
        if self.0.len() < LOOKS_MIN {
            return;
        }
        let ((memory, files), (memory_late, files_late)) = (self.quarter(1), self.quarter(3));
        assert!(memory_late <= memory + memory * MEMORY_MORE_PERCENT / 100, "memory grows\n{self}");
        assert!(files_late <= files + FILES_MORE, "open files grow\n{self}");
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let every = self.0.len().div_ceil(12).max(1);
        for (index, look) in self.0.iter().enumerate() {
            if index % every == 0 || index + 1 == self.0.len() {
                let seconds = look.after.as_secs();
                writeln!(formatter, "{seconds:>6} s: {:>7} KiB, {:>3} files", look.memory, look.files)?;
            }
        }
        let quarters = [0, 1, 2, 3].map(|number| self.quarter(number));
        write!(formatter, "medians of the quarters: {quarters:?}")
    }
}

#[test]
fn growth_is_seen_and_noise_is_not() {
    let needs = |step: u64| {
        let mut needs = Needs::default();
        for at in 0..40 {
            needs.look(Duration::from_secs(at * 10), 10, || {
                (50_000 + at * step, 30 + at * step / 200 + at % 3)
            });
        }
        needs
    };
    needs(0).assert_steady();
    assert!(std::panic::catch_unwind(|| needs(2_000).assert_steady()).is_err());
}
