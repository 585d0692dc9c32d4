//! Whole numbers that lie close together, as one bit for each from the first to the last.
//!
//! Pure. What a server does with them is said by its backend.

use crate::value::{RecordKey, Value};

/// At most so many numbers lie between the first and the last for each that is in the set.
const WALKED_PER_KEY: u64 = 8;

/// A set of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberSet {
    pub first: i64,
    pub last: i64,
    /// The bit of `first` is the lowest of the first byte.
    pub bits: Vec<u8>,
}

impl NumberSet {
    /// `None` if the keys are no whole numbers, or lie so far apart that to look each of them up is less work than to
    /// walk over all from the first to the last.
    pub(super) fn of(keys: &[RecordKey]) -> Option<Self> {
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for key in keys {
            let number = number(key)?;
            (first, last) = (first.min(number), last.max(number));
        }
        let walked_max = u64::try_from(keys.len()).ok()?.saturating_mul(WALKED_PER_KEY);
        if keys.is_empty() || first.abs_diff(last) > walked_max {
            return None;
        }
        let mut bits = vec![0_u8; usize::try_from(first.abs_diff(last) / 8).ok()? + 1];
        for place in keys.iter().filter_map(number).map(|number| first.abs_diff(number)) {
            *bits.get_mut(usize::try_from(place / 8).ok()?)? |= 1 << (place % 8);
        }
        Some(Self { first, last, bits })
    }
}

fn number(key: &RecordKey) -> Option<i64> {
    match key.0.as_slice() {
        [Value::Int(number)] => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[i64]) -> Option<(i64, i64, Vec<u8>)> {
        let keys: Vec<RecordKey> = numbers.iter().copied().map(RecordKey::int).collect();
        NumberSet::of(&keys).map(|set| (set.first, set.last, set.bits))
    }

    #[test]
    fn a_set_has_a_bit_for_each_number_from_the_first_to_the_last() {
        assert_eq!(of(&[10, 3, 12]), Some((3, 12, vec![0b1000_0001, 0b0000_0010])));
        assert_eq!(of(&[i64::MIN + 7, i64::MIN]), Some((i64::MIN, i64::MIN + 7, vec![0b1000_0001])));
        assert_eq!(of(&[5]), Some((5, 5, vec![1])));
    }

    #[test]
    fn numbers_far_apart_and_what_is_no_number_make_no_set() {
        assert_eq!(of(&[i64::MIN, i64::MAX]), None);
        assert_eq!(of(&[1, 18]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(NumberSet::of(&[RecordKey::text("1")]), None);
    }
}
