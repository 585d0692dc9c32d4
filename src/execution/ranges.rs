//! Disjoint ranges of a key, carried out in any order, and how far everything before is done.
//!
//! Pure: no store, no journal.

use connectors::RecordKey;
use std::collections::{BTreeMap, VecDeque};

/// One range of the walk: strictly after `after`, up to and with `up_to`, or to the end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    /// Place in the order of the walk, from 0.
    pub(super) number: u64,
    pub(super) after: Option<RecordKey>,
    pub(super) up_to: Option<RecordKey>,
    /// Attempts that failed.
    pub(super) tries: u32,
}

/// The ranges that are known and not yet begun, and those that are done.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    waiting: VecDeque<Range>,
    next: u64,
    /// Where the next range begins.
    after: Option<RecordKey>,
    /// The last range is known.
    all_told: bool,
    /// Everything up to this key is done; `None`: nothing but what was done before this walk.
    cursor: Option<RecordKey>,
    /// The first range that is not done.
    undone: u64,
    /// Ranges that are done though an earlier one is not, with their last key.
    ahead: BTreeMap<u64, Option<RecordKey>>,
}

impl Ranges {
    pub(super) fn beginning_after(cursor: Option<RecordKey>) -> Self {
        Self { after: cursor.clone(), cursor, ..Self::default() }
    }

    /// Every range is known.
    pub(super) fn all_told(&self) -> bool {
        self.all_told
    }

    /// Where the next range begins; `None` is the beginning of the dataset.
    pub(super) fn next_after(&self) -> Option<&RecordKey> {
        self.after.as_ref()
    }

    /// Takes up the end of the next range; `None` is the end of the dataset.
    pub(super) fn tell(&mut self, up_to: Option<RecordKey>) {
        let range = Range { number: self.next, after: self.after.clone(), up_to: up_to.clone(), tries: 0 };
        self.next += 1;
        self.all_told = up_to.is_none();
        self.after = up_to.or(self.after.take());
        self.waiting.push_back(range);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn take(&mut self) -> Option<Range> {
        self.waiting.pop_front()
    }

    /// For others: the range that comes last of those that wait, unless an attempt at it failed.
    pub(super) fn take_last(&mut self) -> Option<Range> {
        self.waiting.pop_back_if(|range| range.tries == 0)
    }

    /// Gives a range back that could not be carried out: it comes next.
    pub(super) fn give_back(&mut self, range: Range) {
        self.waiting.push_front(range);
    }

    /// The cursor if `range` were done as well.
    pub(super) fn cursor_with(&self, range: &Range) -> Option<RecordKey> {
        if range.number != self.undone {
            return self.cursor.clone();
        }
        let mut cursor = range.up_to.clone().or_else(|| self.cursor.clone());
        let mut next = range.number + 1;
        while let Some(up_to) = self.ahead.get(&next) {
            cursor = up_to.clone().or(cursor);
            next += 1;
        }
        cursor
    }

    pub(super) fn done(&mut self, range: &Range) {
        self.ahead.insert(range.number, range.up_to.clone());
        while let Some(up_to) = self.ahead.remove(&self.undone) {
            self.cursor = up_to.or(self.cursor.take());
            self.undone += 1;
        }
    }

    /// Every range is known and done.
    pub(super) fn finished(&self) -> bool {
        self.all_told && self.undone == self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ends: &[i64]) -> Ranges {
        let mut ranges = Ranges::beginning_after(Some(RecordKey::int(0)));
        for end in ends {
            ranges.tell(Some(RecordKey::int(*end)));
        }
        ranges.tell(None);
        ranges
    }

    #[test]
    fn the_cursor_never_passes_a_range_that_is_not_done() {
        let mut ranges = told(&[10, 20]);
        let (first, second, last) = (ranges.take().unwrap(), ranges.take().unwrap(), ranges.take().unwrap());
        assert_eq!(ranges.cursor_with(&second), Some(RecordKey::int(0)));
        ranges.done(&second);
        assert_eq!(ranges.cursor_with(&last), Some(RecordKey::int(0)));
        assert_eq!(ranges.cursor_with(&first), Some(RecordKey::int(20)));
        ranges.done(&first);
        assert!(!ranges.finished());
        ranges.done(&last);
        assert!(ranges.finished());
        assert_eq!(ranges.cursor, Some(RecordKey::int(20)));
    }

    #[test]
    fn a_range_given_back_comes_next() {
        let mut ranges = told(&[10]);
        let first = ranges.take().unwrap();
        ranges.give_back(first.clone());
        assert_eq!(ranges.take(), Some(first));
    }
}
