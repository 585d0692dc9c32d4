//! The located tree (floor 0).

/// A place in a document; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// One value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub place: Place,
    pub value: NodeValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeValue {
    /// The text as written, escapes resolved. `plain` means without quotes: only then can it be a
    /// number, a boolean or nothing.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the document, keys unique.
    Map(Vec<(Entry, Node)>),
}

/// The key of a map entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub text: String,
    pub place: Place,
}

impl Node {
    /// The value under a key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(entry, _)| entry.text == key).map(|(_, value)| value)
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Entry, Self)] {
        match &self.value {
            NodeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            NodeValue::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar that is something.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar { text, .. } if !self.is_nothing() => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar written without quotes.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }

    /// Nothing written, `~` or `null`, without quotes (YAML 1.2 core schema).
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Scalar { .. } if self.is_nothing() => "nothing",
            NodeValue::Scalar { .. } => "a text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
        }
    }
}
