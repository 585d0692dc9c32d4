//! The Merkle tree of RFC 6962 section 2.1, with SHA-256.
//!
//! Floor 5, pure. Used twice: over the sorted commitments of a certificate, and over the entries of
//! the log. Roots and single paths are computed in one pass with a stack of at most 64 hashes, so
//! the size of the tree does not matter; [`HashLevels`] keeps all perfect subtrees and answers any
//! question about a log (64 bytes an entry).

use sha2::{Digest as _, Sha256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// `SHA-256(0x00 ‖ leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut block = [1_u8; 65];
    let (left_half, right_half) = block.split_at_mut(33);
    left_half.get_mut(1..).unwrap_or_default().copy_from_slice(left);
    right_half.copy_from_slice(right);
    Sha256::digest(block).into()
}

/// `SHA-256("")`: the root of the empty tree.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// One perfect subtree on the stack.
#[derive(Debug, Clone, Copy)]
struct Peak {
    level: u32,
    hash: Hash,
    holds_target: bool,
}

/// Leaves go in one after another; the root, and the path of one marked leaf, come out.
#[derive(Debug, Clone, Default)]
pub struct StreamingTree {
    size: u64,
    peaks: Vec<Peak>,
    path: Vec<Hash>,
}

impl StreamingTree {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        self.push_peak(leaf, false);
    }

    /// Appends the leaf whose inclusion path is wanted. To be called at most once.
    pub fn push_target(&mut self, leaf: Hash) {
        self.push_peak(leaf, true);
    }

    fn push_peak(&mut self, leaf: Hash, holds_target: bool) {
        self.size += 1;
        let mut peak = Peak { level: 0, hash: leaf, holds_target };
        while let Some(left) = self.peaks.pop_if(|left| left.level == peak.level) {
            peak = join(&left, &peak, &mut self.path);
        }
        self.peaks.push(peak);
    }

    /// The root over what was pushed so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.close(&mut Vec::new())
    }

    /// The inclusion path of the marked leaf, from the bottom up (RFC 6962 section 2.1.1).
    #[must_use]
    pub fn target_path(&self) -> Vec<Hash> {
        let mut path = self.path.clone();
        self.close(&mut path);
        path
    }

    fn close(&self, path: &mut Vec<Hash>) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(mut last) = peaks.next().copied() else { return empty_root() };
        for left in peaks {
            last = join(left, &last, path);
        }
        last.hash
    }
}

fn join(left: &Peak, right: &Peak, path: &mut Vec<Hash>) -> Peak {
    if left.holds_target {
        path.push(right.hash);
    } else if right.holds_target {
        path.push(left.hash);
    }
    Peak {
        level: left.level + 1,
        hash: node_hash(&left.hash, &right.hash),
        holds_target: left.holds_target || right.holds_target,
    }
}

/// The root that this inclusion path leads to (RFC 9162 section 2.1.3.2); `None` if the path has
/// the wrong length for the index and the size.
#[must_use]
pub fn root_from_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// All perfect subtrees of a growing tree: `levels[l][i]` covers the leaves `i·2^l .. (i+1)·2^l`.
#[derive(Debug, Clone, Default)]
pub struct HashLevels {
    levels: Vec<Vec<Hash>>,
}

impl HashLevels {
    #[must_use]
    pub fn size(&self) -> u64 {
        self.level(0).len() as u64
    }

    /// The hashes of one level, from the left.
    #[must_use]
    pub fn level(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Appends a leaf by its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else { return };
            row.push(hash);
            match row.as_chunks::<2>() {
                (pairs, []) => {
                    let Some([left, right]) = pairs.last() else { return };
                    hash = node_hash(left, right);
                }
                _ => return,
            }
        }
    }

    /// The root over the first `size` leaves; `None` if there are fewer.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        if size == 0 {
            return Some(empty_root());
        }
        self.range(0, size)
    }

    /// The inclusion path of leaf `index` in the tree of the first `size` leaves.
    #[must_use]
    pub fn path(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut start, mut length) = (0, size);
        let mut path = Vec::new();
        while length > 1 {
            let left = largest_power_below(length);
            if index < start + left {
                path.push(self.range(start + left, length - left)?);
                length = left;
            } else {
                path.push(self.range(start, left)?);
                start += left;
                length -= left;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The subtree over `length` leaves from `start`, which is a multiple of the power of two that
    /// covers it: so each left half is one stored hash.
    fn range(&self, start: u64, length: u64) -> Option<Hash> {
        if length.is_power_of_two() {
            let level = length.trailing_zeros();
            let row = self.level(usize::try_from(level).ok()?);
            return row.get(usize::try_from(start >> level).ok()?).copied();
        }
        let left = largest_power_below(length);
        Some(node_hash(&self.range(start, left)?, &self.range(start + left, length - left)?))
    }
}

/// The largest power of two below `length`, for a `length` above 1.
fn largest_power_below(length: u64) -> u64 {
    1 << (length - 1).max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{hex, unhex};

    /// The leaves and roots of the reference implementation's test (certificate-transparency,
    /// `merkle_tree_test`), sizes 1 to 8.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_are_those_of_rfc_6962() {
        assert_eq!(hex(&empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let (mut stream, mut levels) = (StreamingTree::new(), HashLevels::default());
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            let hash = leaf_hash(&unhex(leaf).expect("hex"));
            stream.push(hash);
            levels.push(hash);
            assert_eq!(hex(&stream.root()), root);
            assert_eq!(levels.root(stream.size()).map(|hash| hex(&hash)).as_deref(), Some(root));
        }
    }

    #[test]
    fn every_path_of_every_tree_up_to_70_leads_to_its_root_and_no_other_index() {
        let leaves: Vec<Hash> = (0_u8..70).map(|leaf| leaf_hash(&[leaf])).collect();
        let mut levels = HashLevels::default();
        for (position, leaf) in leaves.iter().enumerate() {
            levels.push(*leaf);
            let size = position as u64 + 1;
            for (index, leaf) in leaves.iter().enumerate().take(position + 1) {
                let mut stream = StreamingTree::new();
                for (other, hash) in leaves.iter().enumerate().take(position + 1) {
                    if other == index { stream.push_target(*hash) } else { stream.push(*hash) }
                }
                let index = index as u64;
                let path = levels.path(index, size).expect("inside");
                assert_eq!(stream.target_path(), path);
                let root = levels.root(size);
                assert_eq!(root_from_path(*leaf, index, size, &path), root);
                assert_ne!(root_from_path(*leaf, index + 1, size, &path), root);
                let longer = [path.clone(), vec![[0; 32]]].concat();
                assert_eq!(root_from_path(*leaf, index, size, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root_from_path(*leaf, index, size, shorter), None);
                }
            }
        }
    }
}
