//! Names of objects in byte order: those that the rows of a table have in a column, and the keys of the objects
//! that are there. Walked side by side they tell which rows name nothing and which objects no row names, with
//! no more in memory than a page of each.

use crate::error::ConnectorError;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use crate::value::Value;

/// The next names in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamePage {
    pub names: Vec<NameCount>,
    /// There is no name after the last of these.
    pub exhausted: bool,
}

/// A name, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameCount {
    pub name: String,
    /// Rows that have it. Of objects 1, or 0 for what stands in the place of an object and is none, such as a
    /// symbolic link.
    pub records: u64,
}

/// The name of an object as a row spells it; `None` for NULL and empty text.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) fn name_of(value: Value, dataset: &str) -> Result<Option<String>, ConnectorError> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Value::Int(number) => Ok(Some(number.to_string())),
        _ => Err(ConnectorError::SchemaDrift {
            dataset: dataset.to_owned(),
            reason: "a column that names objects holds something that is no text".to_owned(),
        }),
    }
}

/// The one link column whose names are asked for.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) fn naming_column(selection: &crate::selection::Selection) -> Result<&str, ConnectorError> {
    match selection.link_columns.as_slice() {
        [column] => Ok(column),
        _ => Err(ConnectorError::NotSupported {
            store: selection.address.store.clone(),
            reason: "names are listed of one column".to_owned(),
        }),
    }
}

/// The names of the next rows, which come in the order of their names. `cut`: there may be more rows. Then
/// those of the last name may not all be here, and it is left to the next page, unless it is the only one: then
/// it is told apart, to be counted by itself.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) fn counted(names: Vec<String>, cut: bool) -> Result<NamePage, String> {
    let mut found: Vec<NameCount> = Vec::new();
    for name in names {
        match found.last_mut() {
            Some(last) if last.name == name => last.records += 1,
            _ => found.push(NameCount { name, records: 1 }),
        }
    }
    let last = if cut { found.pop() } else { None };
    if let Some(last) = last.filter(|_| found.is_empty()) {
        return Err(last.name);
    }
    Ok(NamePage { names: found, exhausted: !cut })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    fn page(names: &[&str], cut: bool) -> Result<NamePage, String> {
        counted(names.iter().map(|name| (*name).to_owned()).collect(), cut)
    }

    fn count(name: &str, records: u64) -> NameCount {
        NameCount { name: name.to_owned(), records }
    }

    #[test]
    fn a_name_that_may_go_on_in_the_next_page_is_left_to_it() {
        let whole = NamePage { names: vec![count("a", 2), count("b", 1)], exhausted: true };
        assert_eq!(page(&["a", "a", "b"], false), Ok(whole));
        let cut = NamePage { names: vec![count("a", 2)], exhausted: false };
        assert_eq!(page(&["a", "a", "b"], true), Ok(cut));
        assert_eq!(page(&["a", "a"], true), Err("a".to_owned()));
        assert_eq!(page(&[], false), Ok(NamePage { names: Vec::new(), exhausted: true }));
    }
}
