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
    /// The due records of the range, as they were when its end was found.
    pub(super) due: Option<Vec<RecordKey>>,
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

    /// Takes up the end of the next range (`None` is the end of the dataset) and what is due in it, if that is known.
    pub(super) fn tell(&mut self, up_to: Option<RecordKey>, due: Option<Vec<RecordKey>>) {
        let range =
            Range { number: self.next, after: self.after.clone(), up_to: up_to.clone(), due, tries: 0 };
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
        let range = self.waiting.pop_back_if(|range| range.tries == 0)?;
        Some(Range { due: None, ..range })
    }

    /// Unmakes the ranges that wait and come last, so that the next ones can have another size.
    pub(super) fn retract(&mut self) {
        while let Some(range) =
            self.waiting.pop_back_if(|range| range.tries == 0 && range.number + 1 == self.next)
        {
            self.next = range.number;
            self.after = range.after;
            self.all_told = false;
        }
    }

    /// What is due in the ranges that wait is no longer known.
    pub(super) fn forget_due(&mut self) {
        for range in &mut self.waiting {
            range.due = None;
        }
    }

    /// Gives a range back that could not be carried out: it comes next, with whatever is due in it then.
    pub(super) fn give_back(&mut self, range: Range) {
        self.waiting.push_front(Range { due: None, ..range });
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
            ranges.tell(Some(RecordKey::int(*end)), Some(vec![RecordKey::int(*end)]));
        }
        ranges.tell(None, None);
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
    fn what_waits_and_comes_last_can_be_told_anew() {
        let mut ranges = told(&[10, 20, 30]);
        let first = ranges.take().unwrap();
        ranges.retract();
        assert_eq!((ranges.waiting(), ranges.all_told()), (0, false));
        assert_eq!(ranges.next_after(), Some(&RecordKey::int(10)));
        ranges.tell(None, None);
        let last = ranges.take().unwrap();
        assert_eq!(
            (last.number, last.after.clone(), last.up_to.clone()),
            (1, Some(RecordKey::int(10)), None)
        );
        ranges.done(&first);
        ranges.done(&last);
        assert!(ranges.finished());
    }

    #[test]
    fn a_range_whose_attempt_failed_and_what_comes_before_one_that_others_have_stays_told() {
        let mut ranges = told(&[10, 20]);
        let (first, _offered) = (ranges.take().unwrap(), ranges.take_last().unwrap());
        ranges.give_back(Range { tries: 1, ..first });
        ranges.retract();
        assert_eq!(ranges.waiting(), 2);
    }

    #[test]
    fn what_is_due_is_forgotten_where_it_may_have_changed() {
        let mut ranges = told(&[10, 20]);
        let first = ranges.take().unwrap();
        assert_eq!(first.due, Some(vec![RecordKey::int(10)]));
        ranges.forget_due();
        assert_eq!(ranges.take().unwrap().due, None);
    }

    #[test]
    fn a_range_given_back_comes_next() {
        let mut ranges = told(&[10]);
        let first = ranges.take().unwrap();
        ranges.give_back(first.clone());
        assert_eq!(ranges.take(), Some(Range { due: None, ..first }));
    }
}
