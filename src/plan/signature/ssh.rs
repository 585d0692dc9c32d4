//! Signatures of `ssh-keygen -Y sign` (the file `PROTOCOL.sshsig` of OpenSSH; wire forms of RFC 4253, 5656 and
//! 8709), for `ssh-ed25519` and `ecdsa-sha2-nistp256`.
//!
//! Floor 3; pure. Every length is bounded by the text itself. Keys on hardware tokens (`sk-…`), RSA and
//! certificates are not read.

use super::ApproverKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256, Sha512};

/// What `ssh-keygen -n` is told, so that a signature for something else is none of an approval.
pub const NAMESPACE: &str = "oubliette-approval";

pub(super) const ED25519: &str = "ssh-ed25519";
pub(super) const P256: &str = "ecdsa-sha2-nistp256";
const CURVE: &[u8] = b"nistp256";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// One signature, taken apart and not verified.
pub(super) struct SshSignature {
    pub(super) key: ApproverKey,
    pub(super) namespace: String,
    hash: Hash,
    signature: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

impl SshSignature {
    pub(super) fn is_armored(text: &str) -> bool {
        text.trim_start().starts_with(BEGIN)
    }

    /// `None` for anything that is not exactly of the form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let encoded: String = inner.split_whitespace().collect();
        let blob = STANDARD.decode(encoded).ok()?;
        let mut reader = Reader(blob.strip_prefix(MAGIC)?);
        if reader.number()? != VERSION {
            return None;
        }
        let key = public_key(reader.string()?)?;
        let namespace = String::from_utf8(reader.string()?.to_vec()).ok()?;
        let reserved = reader.string()?;
        let hash = match reader.string()? {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            _ => return None,
        };
        let signature = reader.string()?.to_vec();
        (reserved.is_empty() && reader.is_at_end()).then_some(Self { key, namespace, hash, signature })
    }

    /// Whether it is a signature of this message by its own key.
    pub(super) fn is_of(&self, message: &[u8]) -> bool {
        self.verified(message).is_some()
    }

    fn verified(&self, message: &[u8]) -> Option<()> {
        let mut signed = MAGIC.to_vec();
        let digest = self.hash.of(message);
        for part in [self.namespace.as_bytes(), b"", self.hash.word().as_bytes(), &digest] {
            signed.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
            signed.extend_from_slice(part);
        }
        let mut reader = Reader(&self.signature);
        let (word, bytes) = (reader.string()?, reader.string()?);
        if !reader.is_at_end() {
            return None;
        }
        match &self.key {
            ApproverKey::Ed25519(key) if word == ED25519.as_bytes() => {
                let signature = ed25519_dalek::Signature::from_slice(bytes).ok()?;
                key.verify_strict(&signed, &signature).ok()
            }
            ApproverKey::P256(key) if word == P256.as_bytes() => {
                let mut reader = Reader(bytes);
                let (r, s) = (scalar(reader.string()?)?, scalar(reader.string()?)?);
                if !reader.is_at_end() {
                    return None;
                }
                let signature = p256::ecdsa::Signature::from_scalars(r, s).ok()?;
                key.verify(&signed, &signature).ok()
            }
            _ => None,
        }
    }
}

/// Reads the wire form of a public key.
pub(super) fn public_key(blob: &[u8]) -> Option<ApproverKey> {
    let mut reader = Reader(blob);
    let word = reader.string()?;
    let key = if word == ED25519.as_bytes() {
        let bytes: &[u8; 32] = reader.string()?.try_into().ok()?;
        ApproverKey::Ed25519(ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?)
    } else if word == P256.as_bytes() {
        if reader.string()? != CURVE {
            return None;
        }
        ApproverKey::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(reader.string()?).ok()?)
    } else {
        return None;
    };
    reader.is_at_end().then_some(key)
}

/// A number of the wire form (`mpint`), filled up to 32 bytes.
fn scalar(bytes: &[u8]) -> Option<[u8; 32]> {
    // A leading zero says that the number is not negative.
    let digits = bytes.strip_prefix(&[0]).unwrap_or(bytes);
    let mut scalar = [0; 32];
    let start = scalar.len().checked_sub(digits.len())?;
    scalar.get_mut(start..)?.copy_from_slice(digits);
    Some(scalar)
}

/// What is left of a text in wire form.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
