//! The order of execution: what refers to others goes before what it refers to.
//!
//! Floor 3; pure.

use std::collections::BTreeSet;

/// The order of `count` nodes in which every node comes after those it waits for, by number where
/// there is a choice; and the nodes that stand in or behind a circle, which are put last. A pair is
/// (waiting, waited for).
#[must_use]
pub fn order(count: usize, waits: &[(usize, usize)]) -> (Vec<usize>, BTreeSet<usize>) {
    let pairs: BTreeSet<(usize, usize)> = waits.iter().map(|(waiting, first)| (*first, *waiting)).collect();
    let mut missing = vec![0_usize; count];
    for (_, waiting) in &pairs {
        if let Some(number) = missing.get_mut(*waiting) {
            *number += 1;
        }
    }
    let mut ready: BTreeSet<usize> = (0..count).filter(|node| missing.get(*node) == Some(&0)).collect();
    let mut open: BTreeSet<usize> = (0..count).collect();
    let mut ordered = Vec::with_capacity(count);
    while let Some(node) = ready.pop_first() {
        open.remove(&node);
        ordered.push(node);
        for (_, waiting) in pairs.range((node, 0)..=(node, usize::MAX)) {
            if let Some(number) = missing.get_mut(*waiting) {
                *number -= 1;
                if *number == 0 {
                    ready.insert(*waiting);
                }
            }
        }
    }
    ordered.extend(open.iter().copied());
    (ordered, open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: usize, waits: &[(usize, usize)], expected: &[usize], circle: &[usize]) {
        let (ordered, circular) = order(count, waits);
        assert_eq!(
            (ordered.as_slice(), circular.into_iter().collect::<Vec<_>>().as_slice()),
            (expected, circle)
        );
    }

    #[test]
    fn what_is_waited_for_comes_first() {
        check(3, &[], &[0, 1, 2], &[]);
        check(3, &[(0, 2)], &[1, 2, 0], &[]);
        check(3, &[(0, 1), (1, 2)], &[2, 1, 0], &[]);
    }

    #[test]
    fn a_circle_is_told_and_put_last() {
        check(3, &[(0, 1), (1, 0)], &[2, 0, 1], &[0, 1]);
        check(1, &[(0, 0)], &[0], &[0]);
    }
}
