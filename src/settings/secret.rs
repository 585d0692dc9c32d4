//! Secrets: texts that are never printed, and the references `${env:NAME}` and `${file:PATH}`
//! (floor 6).
//!
//! A reference is resolved only when the value is needed, through a lookup that the composition
//! root hands in. Messages name the reference, never the value.

use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// A resolved secret. `Debug` is redacted, there is no `Display` and no serialisation.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

/// Where the values of references come from.
pub trait SecretLookup: Send + Sync {
    /// The value of an environment variable; `None` when it is not set.
    fn environment(&self, name: &str) -> Result<Option<String>, SecretError>;
    /// The content of a file. `path` is as written; relative to the settings file's directory.
    fn file(&self, path: &str) -> Result<String, SecretError>;
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("the environment variable {name} is not set")]
    NotSet { name: String },
    #[error("the environment variable {name} is not Unicode text")]
    NotUnicode { name: String },
    #[error("the secret file {path} cannot be read: {reason}")]
    File { path: String, reason: String },
    #[error("a reference has the form ${{env:NAME}} or ${{file:PATH}}")]
    Form,
}

/// A text of the settings that may hold references. `Debug` shows the references and hides the rest.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Plain(Secret),
    Environment(String),
    File(String),
}

impl SecretText {
    /// Splits a text into plain parts and references.
    ///
    /// # Errors
    /// [`SecretError::Form`] when a `${` opens no reference.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (reference, tail) = after.split_once('}').ok_or(SecretError::Form)?;
            if !before.is_empty() {
                parts.push(Part::Plain(Secret::new(before.to_owned())));
            }
            parts.push(Part::reference(reference)?);
            rest = tail;
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Plain(Secret::new(rest.to_owned())));
        }
        Ok(Self { parts })
    }

    /// The text with every reference replaced by its value.
    ///
    /// # Errors
    /// Whatever the lookup says; the first reference that cannot be resolved.
    pub fn resolve(&self, lookup: &dyn SecretLookup) -> Result<Secret, SecretError> {
        let mut text = Zeroizing::new(String::new());
        for part in &self.parts {
            match part {
                Part::Plain(plain) => text.push_str(plain.expose()),
                Part::Environment(name) => {
                    let value = lookup.environment(name)?;
                    let value = value.ok_or_else(|| SecretError::NotSet { name: name.clone() })?;
                    text.push_str(Zeroizing::new(value).as_str());
                }
                Part::File(path) => {
                    let value = Zeroizing::new(lookup.file(path)?);
                    // Editors and `echo` end a file with a line break that is no part of a secret.
                    text.push_str(value.trim_end_matches(['\r', '\n']));
                }
            }
        }
        Ok(Secret(text))
    }

    /// The same with its plain parts changed; `None` when one of them cannot be.
    #[must_use]
    pub fn filled(&self, fill: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let parts = self.parts.iter().map(|part| match part {
            Part::Plain(plain) => Some(Part::Plain(Secret::new(fill(plain.expose())?))),
            reference => Some(reference.clone()),
        });
        Some(Self { parts: parts.collect::<Option<_>>()? })
    }

    /// Whether some part of the text comes from elsewhere.
    #[must_use]
    pub fn has_reference(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Plain(_)))
    }

    /// Whether a password stands in the text itself: `scheme://user:password@host`.
    #[must_use]
    pub fn has_plain_password(&self) -> bool {
        let mut shape = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(plain) => shape.push_str(plain.expose()),
                // A reference counts as a private letter that is no separator.
                Part::Environment(_) | Part::File(_) => shape.push('\u{e000}'),
            }
        }
        let Some((_, rest)) = shape.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { return false };
        user.split_once(':')
            .is_some_and(|(_, password)| password.chars().any(|character| character != '\u{e000}'))
    }

    /// The text with its plain parts when it holds no password, else only its references: for the
    /// digest of the catalog and for messages.
    #[must_use]
    pub fn public_form(&self) -> String {
        let hide = self.has_plain_password();
        self.parts
            .iter()
            .map(|part| match part {
                Part::Plain(_) if hide => "…".to_owned(),
                Part::Plain(plain) => plain.expose().to_owned(),
                Part::Environment(name) => format!("${{env:{name}}}"),
                Part::File(path) => format!("${{file:{path}}}"),
            })
            .collect()
    }
}

impl Part {
    fn reference(text: &str) -> Result<Self, SecretError> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() && !path.contains("${") => {
                Ok(Self::File(path.to_owned()))
            }
            _ => Err(SecretError::Form),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|next| next.is_ascii_alphanumeric() || next == '_')
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = formatter.debug_list();
        for part in &self.parts {
            match part {
                Part::Plain(_) => list.entry(&format_args!("redacted")),
                Part::Environment(name) => list.entry(&format_args!("env:{name}")),
                Part::File(path) => list.entry(&format_args!("file:{path}")),
            };
        }
        list.finish()
    }
}
