//! The names in one directory, sorted so that a walk yields whole keys in byte order.
//!
//! A directory counts as its name with `/` behind it, as its keys do: `a-b`, `a.txt`, `a/x`, `a0`.
//! The names of a directory lie in one buffer, eight bytes of index each, so that a million of them
//! take some tens of megabytes.

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;
use std::cmp::Ordering;

/// The kind of an entry as the listing knows it. Only a fresh look decides what is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    /// Socket, fifo or device.
    Special,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u32,
    length: u16,
    kind: Kind,
}

/// A sorted listing with a position.
#[derive(Debug, Default)]
pub(super) struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
    next: usize,
}

impl Listing {
    /// Reads a directory. `rest` is what is left of the cursor beneath this directory: entries all
    /// of whose keys are at or before it are left out.
    pub(super) fn read(directory: BorrowedFd<'_>, rest: Option<&[u8]>) -> Result<Self, Errno> {
        let mut listing = Self::default();
        let mut stream = Dir::read_from(directory)?;
        while let Some(entry) = stream.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let Some(kind) = kind_of(directory, name, entry.file_type())? else { continue };
            if rest.is_none_or(|rest| reaches_beyond(name, kind, rest)) {
                listing.push(name, kind)?;
            }
        }
        listing.sort();
        Ok(listing)
    }

    fn push(&mut self, name: &[u8], kind: Kind) -> Result<(), Errno> {
        let offset = u32::try_from(self.names.len()).map_err(|_| Errno::OVERFLOW)?;
        let length = u16::try_from(name.len()).map_err(|_| Errno::NAMETOOLONG)?;
        self.names.extend_from_slice(name);
        self.entries.push(Entry { offset, length, kind });
        Ok(())
    }

    fn sort(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|left, right| {
            compare((name_in(names, *left), left.kind), (name_in(names, *right), right.kind))
        });
    }

    /// The next entry; it moves on.
    pub(super) fn advance(&mut self) -> Option<(&[u8], Kind)> {
        let entry = *self.entries.get(self.next)?;
        self.next += 1;
        Some((name_in(&self.names, entry), entry.kind))
    }
}

fn name_in(names: &[u8], entry: Entry) -> &[u8] {
    let start = entry.offset as usize;
    names.get(start..start + usize::from(entry.length)).unwrap_or_default()
}

/// Some file systems do not say in the listing what an entry is.
fn kind_of(directory: BorrowedFd<'_>, name: &[u8], listed: FileType) -> Result<Option<Kind>, Errno> {
    let file_type = match listed {
        FileType::Unknown => match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        },
        known => known,
    };
    Ok(Some(match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Special,
    }))
}

/// Compares as the keys of two entries compare. Most names differ before either ends.
fn compare(left: (&[u8], Kind), right: (&[u8], Kind)) -> Ordering {
    let shared = left.0.len().min(right.0.len());
    match (left.0.split_at_checked(shared), right.0.split_at_checked(shared)) {
        (Some((left_head, left_tail)), Some((right_head, right_tail))) => left_head
            .cmp(right_head)
            .then_with(|| sort_bytes(left_tail, left.1).cmp(sort_bytes(right_tail, right.1))),
        _ => Ordering::Equal,
    }
}

/// The bytes by which an entry sorts among its siblings.
fn sort_bytes(name: &[u8], kind: Kind) -> impl Iterator<Item = &u8> {
    let end: &[u8] = if kind == Kind::Directory { b"/" } else { b"" };
    name.iter().chain(end)
}

/// Whether some key of this entry can come after `rest`.
fn reaches_beyond(name: &[u8], kind: Kind, rest: &[u8]) -> bool {
    let beneath =
        kind == Kind::Directory && rest.strip_prefix(name).is_some_and(|left| left.first() == Some(&b'/'));
    beneath || sort_bytes(name, kind).gt(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listing_of(entries: &[(&str, Kind)]) -> Vec<String> {
        let mut listing = Listing::default();
        for (name, kind) in entries {
            listing.push(name.as_bytes(), *kind).unwrap();
        }
        listing.sort();
        std::iter::from_fn(|| {
            listing.advance().map(|(name, kind)| {
                let end = if kind == Kind::Directory { "/" } else { "" };
                format!("{}{end}", String::from_utf8_lossy(name))
            })
        })
        .collect()
    }

    #[test]
    fn a_directory_sorts_as_its_keys_do() {
        let entries = [
            ("a0", Kind::File),
            ("a", Kind::Directory),
            ("a.txt", Kind::File),
            ("a-b", Kind::File),
            ("a ", Kind::Special),
        ];
        assert_eq!(listing_of(&entries), ["a ", "a-b", "a.txt", "a/", "a0"]);
    }

    #[test]
    fn an_entry_takes_eight_bytes_besides_its_name() {
        assert_eq!(size_of::<Entry>(), 8);
    }

    proptest! {
        #[test]
        fn an_entry_is_left_out_only_when_all_its_keys_are_at_or_before_the_cursor(
            name in "[-./0a]{1,4}".prop_filter("a component", |name| !name.contains('/')),
            directory: bool,
            beneath in "[-.0a]{1,3}",
            rest in "[-./0a]{1,6}",
        ) {
            let (kind, key) = if directory {
                (Kind::Directory, format!("{name}/{beneath}"))
            } else {
                (Kind::File, name.clone())
            };
            if key.as_bytes() > rest.as_bytes() {
                prop_assert!(reaches_beyond(name.as_bytes(), kind, rest.as_bytes()));
            } else if !directory {
                prop_assert!(!reaches_beyond(name.as_bytes(), kind, rest.as_bytes()));
            }
        }
    }
}
