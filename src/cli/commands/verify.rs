//! `verify`: needs no project, only the archive and the keys to trust.
#![expect(clippy::disallowed_methods, reason = "reads the trust root and the checkpoint that a person names")]

use super::Call;
use crate::app::{Anchor, Auditing, SharedFiles, audit, bucket_files};
use crate::archive_store::DirectoryFiles;
use crate::cli::arguments::{BucketArguments, VerifyArguments};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::digest::Digest32;
use crate::init::TRUST_ROOT_FILE;
use crate::settings::archive::prefix_of;
use crate::views::certificate_html;
use crate::views::verify::{VerifyJson, human};
use connectors::s3::{Credentials, S3Options};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Larger files are neither a trust root, nor a checkpoint, nor a receipt.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &VerifyArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let trust_root = trust_root(call, wanted.trust_root.as_deref(), wanted.fingerprint.is_none())?;
    let fingerprint = wanted.fingerprint.as_deref().map(parse_fingerprint).transpose()?;
    if let (Some(bytes), Some(expected)) = (&trust_root, fingerprint)
        && Digest32::of(bytes) != expected
    {
        let message = "the trust root does not have this fingerprint";
        return Err(Failure::new(ExitStatus::VerificationFailed, message));
    }
    let kept = wanted.expect_checkpoint.as_deref().map(read_small).transpose()?;
    let anchor = match (trust_root, fingerprint) {
        (Some(bytes), _) => Anchor::File(bytes),
        (None, Some(digest)) => Anchor::Fingerprint(digest),
        (None, None) => return Err(no_anchor()),
    };
    let files = match &wanted.archive {
        Some(archive) => named(archive, &wanted.bucket).await?,
        None => of_settings(call, output).await?,
    };
    let auditing = Auditing { anchor, kept_checkpoint: kept };
    let report = audit(files, auditing, certificate_html::render).await?;
    output.answer(&VerifyJson::new(&report), |language| human(&report, language))?;
    Ok(if report.holds() { ExitStatus::Done } else { ExitStatus::VerificationFailed })
}

/// The archive of the project.
async fn of_settings(call: &Call<'_>, output: &mut Output<'_>) -> Result<SharedFiles, Failure> {
    let app = call.open(output).await?;
    app.archive_files().await?.ok_or_else(|| {
        Failure::usage(format!("there is no archive directory {}", app.archive_place().display()))
    })
}

/// The archive that somebody named: a directory, or `s3://BUCKET/PREFIX`.
pub(super) async fn named(archive: &Path, bucket: &BucketArguments) -> Result<SharedFiles, Failure> {
    let address = archive.to_str().and_then(|text| text.strip_prefix("s3://"));
    let Some(address) = address else {
        if !archive.is_dir() {
            return Err(Failure::usage(format!("there is no archive directory {}", archive.display())));
        }
        return Ok(Arc::new(DirectoryFiles::new(archive)));
    };
    let (name, prefix) = address.split_once('/').unwrap_or((address, ""));
    let prefix = prefix_of(prefix).filter(|_| !name.is_empty()).ok_or_else(|| {
        let hint = "expected s3://BUCKET, or s3://BUCKET/PREFIX with single slashes";
        Failure::usage("the address of the archive cannot be read").with_hint(hint)
    })?;
    let options = S3Options {
        bucket: name.to_owned(),
        region: bucket.region.clone(),
        endpoint: bucket.endpoint.clone(),
        path_style: bucket.path_style,
        ca: bucket.ca.as_deref().map(read_small).transpose()?,
        bypass_governance: false,
        inventory: None,
    };
    let credentials = match &bucket.profile {
        Some(profile) => Credentials::Profile(profile.clone()),
        None if bucket.anonymous => Credentials::Anonymous,
        None => Credentials::Environment,
    };
    Ok(bucket_files(&options, &prefix, &credentials).await?)
}

/// The named file; else, when one is needed, the one beside the settings.
pub(super) fn trust_root(
    call: &Call<'_>,
    named: Option<&Path>,
    is_needed: bool,
) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(path) = named {
        return read_small(path).map(Some);
    }
    let beside = call.config.with_file_name(TRUST_ROOT_FILE);
    if is_needed && beside.is_file() {
        return read_small(&beside).map(Some);
    }
    Ok(None)
}

pub(super) fn no_anchor() -> Failure {
    Failure::usage("nothing says which keys to trust")
        .with_hint("give the trust root with --trust-root FILE, or its published --fingerprint")
}

fn parse_fingerprint(text: &str) -> Result<Digest32, Failure> {
    let digits: String = text.chars().filter(|character| !matches!(character, ':' | ' ')).collect();
    digits.to_ascii_lowercase().parse().map_err(|_| {
        Failure::usage("the fingerprint cannot be read").with_hint("expected 64 hexadecimal digits")
    })
}

/// A small file that somebody named.
pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, Failure> {
    read_up_to(path, FILE_BYTES_MAX)
}

/// A file that somebody named, of at most so many bytes.
pub(super) fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |reason: &dyn std::fmt::Display| {
        Failure::usage(format!("{} cannot be read: {reason}", path.display()))
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > most {
        return Err(unreadable(&"it is too large"));
    }
    Ok(bytes)
}
