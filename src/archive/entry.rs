//! The entries of the log: three words and a digest, never any content.
//!
//! Floor 5, pure.

use crate::digest::Digest32;

/// One entry. Its text is what is hashed into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogEntry {
    /// A certificate, by the SHA-256 of its envelope file.
    Certificate(Digest32),
    /// A plan is about to be carried out; by the digest of the published plan.
    Intent(Digest32),
    /// A plan will not be carried on and gets no certificate: nothing was disposed of.
    Abandoned(Digest32),
}

type MakeEntry = fn(Digest32) -> LogEntry;

impl LogEntry {
    const KINDS: [(&'static str, MakeEntry); 3] =
        [("certificate", Self::Certificate), ("intent", Self::Intent), ("abandoned", Self::Abandoned)];

    /// The text of the entry.
    #[must_use]
    pub fn text(&self) -> String {
        let (kind, digest) = match self {
            Self::Certificate(digest) => ("certificate", digest),
            Self::Intent(digest) => ("intent", digest),
            Self::Abandoned(digest) => ("abandoned", digest),
        };
        format!("erasure-log/v1 {kind}\nsha256 {digest}\n")
    }

    /// Reads the text of an entry; `None` if it is not one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (kind, rest) = text.strip_prefix("erasure-log/v1 ")?.split_once('\n')?;
        let digest = rest.strip_prefix("sha256 ")?.strip_suffix('\n')?.parse().ok()?;
        Self::KINDS.iter().find(|(name, _)| *name == kind).map(|(_, make)| make(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_and_nothing_else_is() {
        for (_, make) in LogEntry::KINDS {
            let entry = make(Digest32::of(b"file"));
            assert_eq!(LogEntry::parse(entry.text().as_bytes()), Some(entry));
            assert_eq!(LogEntry::parse(format!("{}\n", entry.text()).as_bytes()), None);
        }
        assert_eq!(LogEntry::parse(b"erasure-log/v1 other\nsha256 00\n"), None);
    }
}
