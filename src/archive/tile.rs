//! Tiles: the log as static files (C2SP tlog-tiles, height 8).
//!
//! Floor 5, pure. A hash tile of level `L` holds up to 256 hashes of subtrees of `256^L` leaves; an
//! entries tile holds up to 256 entries, each with its length in front (two bytes, big-endian).

use crate::certificate::merkle::{Hash, HashLevels};

/// Hashes or entries of a full tile.
pub const TILE_WIDTH: u64 = 256;
const TILE_HEIGHT: usize = 8;
/// 256^8 leaves are more than 2^63.
pub const TILE_LEVELS_MAX: u8 = 8;
/// A full entries tile cannot be longer.
pub const ENTRIES_TILE_BYTES_MAX: usize = 256 * (2 + 65_535);
pub const HASH_TILE_BYTES_MAX: usize = 256 * 32;

/// Which tile: its level (`None`: entries), its place, and how many it holds (1 to 256).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    pub level: Option<u8>,
    pub index: u64,
    pub width: u16,
}

impl Tile {
    /// The path below the archive, such as `tile/0/x001/234.p/7`.
    #[must_use]
    pub fn path(&self) -> String {
        let full = self.full_path();
        if u64::from(self.width) == TILE_WIDTH { full } else { format!("{full}.p/{}", self.width) }
    }

    /// The path of this tile when it is full.
    #[must_use]
    pub fn full_path(&self) -> String {
        let level = self.level.map_or_else(|| "entries".to_owned(), |level| level.to_string());
        let mut number = format!("{:03}", self.index % 1_000);
        let mut rest = self.index / 1_000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1_000);
            rest /= 1_000;
        }
        format!("tile/{level}/{number}")
    }

    /// Reads a path; `None` if no tile has exactly this path.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (level, number) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
        let (number, width) = match number.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (number, 256),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { level, index, width };
        let in_range = (1..=256).contains(&width) && level.is_none_or(|level| level < TILE_LEVELS_MAX);
        (in_range && tile.path() == path).then_some(tile)
    }

    /// The last entry's number plus one.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH).saturating_add(u64::from(self.width))
    }

    /// The hashes of this tile out of the tree; `None` for an entries tile or beyond the tree.
    #[must_use]
    pub fn hashes(&self, tree: &HashLevels) -> Option<Vec<u8>> {
        let row: &[Hash] = tree.level(usize::from(self.level?) * TILE_HEIGHT);
        let start = usize::try_from(self.index.checked_mul(TILE_WIDTH)?).ok()?;
        let hashes = row.get(start..start.checked_add(usize::from(self.width))?)?;
        Some(hashes.as_flattened().to_vec())
    }

    /// The tiles that a tree of this size needs at one level, from the left.
    pub fn needed(level: Option<u8>, size: u64) -> impl Iterator<Item = Self> {
        let shift = u32::from(level.unwrap_or(0)) * 8;
        let count = size.checked_shr(shift).unwrap_or(0);
        (0..count.div_ceil(TILE_WIDTH)).map(move |index| {
            let width = (count - index * TILE_WIDTH).min(TILE_WIDTH);
            Self { level, index, width: u16::try_from(width).unwrap_or(256) }
        })
    }
}

/// The bytes of an entries tile.
#[must_use]
pub fn encode_entries(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        // Our entries are about a hundred bytes; the format's limit cannot be met.
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// The entries of a tile; `None` if the lengths do not fit the bytes.
#[must_use]
pub fn decode_entries(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(level: Option<u8>, index: u64, width: u16, expected: &str) {
        let tile = Tile { level, index, width };
        assert_eq!(tile.path(), expected);
        assert_eq!(Tile::parse(expected), Some(tile));
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        check(Some(0), 0, 256, "tile/0/000");
        check(Some(1), 5, 7, "tile/1/005.p/7");
        check(None, 1_234_067, 256, "tile/entries/x001/x234/067");
        check(None, 1_000, 1, "tile/entries/x001/000.p/1");
    }

    #[test]
    fn other_spellings_are_no_tiles() {
        for path in [
            "tile/0/0",
            "tile/00/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/07",
            "tile/0/x000/001",
            "tile/9/000",
            "tile/0/+01",
            "tile/0/000/",
            "tile/0/x18446744073709551616/000",
        ] {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_tree_of_70000_leaves_needs_these_tiles() {
        let widths = |level| Tile::needed(level, 70_000).map(|tile| tile.width).collect::<Vec<_>>();
        assert_eq!((widths(Some(0)).len(), widths(Some(0)).last().copied()), (274, Some(112)));
        assert_eq!(widths(Some(1)), [256, 17]);
        assert_eq!(widths(Some(2)), [1]);
        assert!(widths(Some(3)).is_empty());
        assert_eq!(widths(None).len(), 274);
    }

    #[test]
    fn entries_are_read_back_and_torn_tiles_are_refused() {
        let entries = vec![b"one".to_vec(), vec![], b"three".to_vec()];
        let bytes = encode_entries(&entries);
        assert_eq!(decode_entries(&bytes), Some(entries));
        assert_eq!(decode_entries(&bytes[..bytes.len() - 1]), None);
    }
}
