//! Where each file of the archive is.
//!
//! Floor 5, pure. The same relative paths are used in a directory and in a bucket. A path has one
//! meaning and a meaning one path; anything else in an archive is a finding.

use std::fmt;

use chrono::{DateTime, Datelike as _, Utc};

use super::tile::Tile;
use crate::certificate::CertificateId;
use crate::digest::Digest32;

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArchivePath {
    /// The newest signed note: the only file that changes, and the point at which an entry counts.
    Checkpoint,
    /// A copy of each note that was ever the checkpoint.
    Note(u64),
    Tile(Tile),
    Certificate(CertificatePlace, CertificatePart),
    Policy(Digest32),
    Plan(Digest32),
    TrustRoot,
    PublicKey(Digest32),
}

/// The folder of one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificatePlace {
    pub year: i32,
    pub month: u32,
    pub id: CertificateId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificatePart {
    Envelope,
    Proof,
    Html,
}

impl CertificatePlace {
    /// The folder of a certificate issued at this instant (UTC).
    #[must_use]
    pub fn new(id: CertificateId, issued_at: DateTime<Utc>) -> Self {
        Self { year: issued_at.year(), month: issued_at.month(), id }
    }

    fn parse(folder: &str) -> Option<Self> {
        let mut parts = folder.split('/');
        let place = Self {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            id: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}

impl CertificatePart {
    pub const ALL: [Self; 3] = [Self::Envelope, Self::Proof, Self::Html];

    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Envelope => "certificate.dsse.json",
            Self::Proof => "certificate.tlog-proof",
            Self::Html => "certificate.html",
        }
    }
}

impl ArchivePath {
    /// Reads a relative path; `None` if no file of an archive has exactly this path.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let parsed = match path.split_once('/') {
            None if path == "checkpoint" => Self::Checkpoint,
            Some(("checkpoints", name)) => Self::Note(name.strip_suffix(".note")?.parse().ok()?),
            Some(("tile", _)) => Self::Tile(Tile::parse(path)?),
            Some(("certificates", rest)) => {
                let (folder, name) = rest.rsplit_once('/')?;
                let part = CertificatePart::ALL.into_iter().find(|part| part.file_name() == name)?;
                Self::Certificate(CertificatePlace::parse(folder)?, part)
            }
            Some(("policies", name)) => Self::Policy(name.strip_suffix(".yaml")?.parse().ok()?),
            Some(("plans", name)) => Self::Plan(name.strip_suffix(".json")?.parse().ok()?),
            Some(("keys", "trust-root.json")) => Self::TrustRoot,
            Some(("keys", name)) => Self::PublicKey(name.strip_suffix(".pub.pem")?.parse().ok()?),
            _ => return None,
        };
        (parsed.to_string() == path).then_some(parsed)
    }

    /// Whether the file may be written more than once: the head of the log, and the keys to trust.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(self, Self::Checkpoint | Self::TrustRoot)
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Note(size) => write!(f, "checkpoints/{size}.note"),
            Self::Tile(tile) => f.write_str(&tile.path()),
            Self::Certificate(place, part) => {
                let CertificatePlace { year, month, id } = place;
                write!(f, "certificates/{year:04}/{month:02}/{id}/{}", part.file_name())
            }
            Self::Policy(digest) => write!(f, "policies/{digest}.yaml"),
            Self::Plan(digest) => write!(f, "plans/{digest}.json"),
            Self::TrustRoot => f.write_str("keys/trust-root.json"),
            Self::PublicKey(keyid) => write!(f, "keys/{keyid}.pub.pem"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_meaning_and_a_meaning_one_path() {
        let digest = Digest32::of(b"");
        let certificate = "certificates/2026/05/0b54f2c5-57a8-4c2b-9a3e-1d2f3a4b5c6d/certificate.html";
        for path in [
            "checkpoint".to_owned(),
            "checkpoints/0.note".to_owned(),
            "tile/0/000.p/3".to_owned(),
            certificate.to_owned(),
            format!("policies/{digest}.yaml"),
            format!("keys/{digest}.pub.pem"),
            "keys/trust-root.json".to_owned(),
        ] {
            assert_eq!(ArchivePath::parse(&path).map(|parsed| parsed.to_string()), Some(path));
        }
        for path in [
            "checkpoints/00.note",
            "checkpoints/+1.note",
            "checkpoint/",
            "Checkpoint",
            "certificates/x",
            &certificate.replace("/05/", "/5/"),
            &certificate.replace("2026", "02026"),
            "../checkpoint",
            "",
        ] {
            assert_eq!(ArchivePath::parse(path), None, "{path}");
        }
    }
}
