//! Keys in files: the P-256 key that signs certificates and the Ed25519 key that signs the log.
//!
//! Floor 6, adapter. Keys are PKCS#8 in PEM, in the form OpenSSL 3.0 reads. A key file that others can
//! read is refused. Randomness comes from the caller. Nothing here knows what is signed.
#![expect(clippy::disallowed_methods, reason = "the adapter for key files")]

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::KeypairBytes;
use p256::ecdsa::DerSignature;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::archive::note::{NoteError, NoteSigner, VerifierKey};
use crate::certificate::{PublicKey, Signer, SignerError};

/// A key file is a few hundred bytes; more is not read.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;
/// A trust root with hundreds of keys is smaller.
const PUBLIC_FILE_BYTES_MAX: u64 = 1 << 20;
/// A 32-byte string is a P-256 key unless it is 0 or above the group order (chance 2^-32).
const P256_DRAWS_MAX: usize = 64;

/// Fills a buffer with random bytes.
pub type Randomness<'a> = &'a mut dyn FnMut(&mut [u8]);

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    #[error("cannot read or write the key file {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("others can read the key file {}: run chmod 600 on it", path.display())]
    TooOpen { path: PathBuf },
    #[error("{} is not a {expected} private key in PKCS#8 PEM", path.display())]
    NotAKey { path: PathBuf, expected: &'static str },
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    #[error("the random source gives no usable key")]
    NoRandomness,
    #[error("the log's origin cannot name a key: {0}")]
    Origin(#[from] NoteError),
}

/// Signs certificates with a P-256 key from a file.
pub struct FileSigner {
    key: p256::ecdsa::SigningKey,
    public: PublicKey,
}

/// Signs checkpoints of the log with an Ed25519 key from a file.
pub struct FileLogSigner {
    key: ed25519_dalek::SigningKey,
    vkey: VerifierKey,
}

impl FileSigner {
    /// # Errors
    /// If the file is not such a key, or others can read it.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let pem = read_private(path)?;
        let not_a_key = || KeyError::NotAKey { path: path.to_path_buf(), expected: "P-256" };
        let key = p256::ecdsa::SigningKey::from_pkcs8_pem(&pem).map_err(|_| not_a_key())?;
        let public = PublicKey::new(*key.verifying_key()).map_err(|_| not_a_key())?;
        Ok(Self { key, public })
    }

    /// Makes a new key file (mode 0600).
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn generate(path: &Path, randomness: Randomness<'_>) -> Result<Self, KeyError> {
        for _ in 0..P256_DRAWS_MAX {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            randomness(&mut *bytes);
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&*bytes) {
                let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::NoRandomness)?;
                write_private(path, pem.as_bytes())?;
                return Self::open(path);
            }
        }
        Err(KeyError::NoRandomness)
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature: DerSignature =
            self.key.try_sign(message).map_err(|error| SignerError { reason: error.to_string() })?;
        Ok(signature.as_bytes().to_vec())
    }
}

impl FileLogSigner {
    /// Opens the key of the log with this origin (its public name, such as `example.org/erasures`).
    ///
    /// # Errors
    /// If the file is not such a key, or others can read it.
    pub fn open(path: &Path, origin: &str) -> Result<Self, KeyError> {
        let pem = read_private(path)?;
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(&pem)
            .map_err(|_| KeyError::NotAKey { path: path.to_path_buf(), expected: "Ed25519" })?;
        let vkey = VerifierKey::new(origin, key.verifying_key())?;
        Ok(Self { key, vkey })
    }

    /// Makes a new key file (mode 0600).
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn generate(path: &Path, origin: &str, randomness: Randomness<'_>) -> Result<Self, KeyError> {
        let mut secret_key = Zeroizing::new([0_u8; 32]);
        randomness(&mut *secret_key);
        // Without the public key it is PKCS#8 version 1: OpenSSL 3.0 cannot read version 2.
        let pair = KeypairBytes { secret_key: *secret_key, public_key: None };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::NoRandomness)?;
        write_private(path, pem.as_bytes())?;
        Self::open(path, origin)
    }
}

impl NoteSigner for FileLogSigner {
    fn verifier_key(&self) -> &VerifierKey {
        &self.vkey
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], SignerError> {
        let signature = self.key.try_sign(text).map_err(|error| SignerError { reason: error.to_string() })?;
        Ok(signature.to_bytes())
    }
}

/// Reads the key that seals what the ledger keeps of people: 64 hexadecimal digits.
///
/// # Errors
/// If the file is not such a key, or others can read it.
pub fn read_sealing_key(path: &Path) -> Result<[u8; 32], KeyError> {
    let text = read_private(path)?;
    let bytes = Zeroizing::new(crate::digest::unhex(text.trim()).unwrap_or_default());
    let not_a_key = |_| KeyError::NotAKey { path: path.to_path_buf(), expected: "sealing" };
    bytes.as_slice().try_into().map_err(not_a_key)
}

/// Makes a new sealing key file (mode 0600).
///
/// # Errors
/// If the file exists or cannot be written.
pub fn generate_sealing_key(path: &Path, randomness: Randomness<'_>) -> Result<(), KeyError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    randomness(&mut *bytes);
    let text = Zeroizing::new(format!("{}\n", crate::digest::hex(&*bytes)));
    write_private(path, text.as_bytes())
}

/// Reads a public file of the project, such as the trust root. It may be readable by anybody.
///
/// # Errors
/// If it cannot be read or is too large.
pub fn read_public(path: &Path) -> Result<Vec<u8>, KeyError> {
    let io = |source| KeyError::Io { path: path.to_path_buf(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(PUBLIC_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let io = |source| KeyError::Io { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(io)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(io)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::TooOpen { path: path.to_path_buf() });
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_path_buf() },
        _ => KeyError::Io { path: path.to_path_buf(), source },
    })?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| KeyError::Io { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 0_u8;
        move |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                next = next.wrapping_add(1);
                next
            });
        }
    }

    #[test]
    fn openssl_reads_both_kinds_of_key_and_finds_the_same_keyid() {
        let directory = tempfile::tempdir().expect("a directory");
        let (certificate, log) = (directory.path().join("c.key"), directory.path().join("l.key"));
        let signer = FileSigner::generate(&certificate, &mut counting()).expect("made");
        FileLogSigner::generate(&log, "example.org/log", &mut counting()).expect("made");
        for path in [&certificate, &log] {
            let output = Command::new("openssl")
                .args(["pkey", "-pubout", "-outform", "DER", "-in"])
                .arg(path)
                .output()
                .expect("openssl runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            if path == &certificate {
                assert_eq!(crate::digest::Digest32::of(&output.stdout), signer.public_key().keyid());
            }
        }
    }

    #[test]
    fn a_key_that_others_can_read_or_of_another_kind_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("c.key");
        FileSigner::generate(&path, &mut counting()).expect("made");
        assert!(matches!(FileSigner::generate(&path, &mut counting()), Err(KeyError::Exists { .. })));
        assert!(matches!(FileLogSigner::open(&path, "o"), Err(KeyError::NotAKey { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(matches!(FileSigner::open(&path), Err(KeyError::TooOpen { .. })));
    }
}
