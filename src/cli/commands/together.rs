//! Requests of many persons at once: `requests receive --persons`, `requests verify --requests`, `erase --together`.

use super::Call;
use super::plan::{standing, warn};
use super::requests::{looked_at, read};
use crate::app::{App, PersonLine, RequestReceipt};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::views::plan::StandingJson;
use crate::views::together::{self as views, PlannedJson, ReceivedAllJson, VerifiedJson};
use serde_json::Value;
use std::path::Path;

/// A file of persons, and of the ids of their requests.
const FILE_BYTES_MAX: u64 = 16 << 20;
const LINE_BYTES_MAX: usize = 16 << 10;
/// Identities of one person.
const IDENTITIES_MAX: usize = 100;

/// Keeps the request of each person of a file.
pub(super) async fn receive(
    call: &Call<'_>,
    file: &Path,
    terms: RequestReceipt,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let persons = persons(&read(file, FILE_BYTES_MAX)?)?;
    let app = call.open(output).await?;
    let received = app.requests_receive(terms, &persons).await?;
    let lines: Vec<_> = persons.iter().map(|person| person.line).zip(&received).collect();
    output.answer(&ReceivedAllJson::new(&lines), |language| views::received(&lines, language))
}

/// Records that somebody checked the persons of all requests of a file.
pub(super) async fn verify(
    call: &Call<'_>,
    file: &Path,
    (who, method): (&str, &str),
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let text = read(file, FILE_BYTES_MAX)?;
    let ids: Vec<String> = lines(&text).map(|(_, line)| line.to_owned()).collect();
    let app = call.open(output).await?;
    let verified = app.requests_verify(&ids, who, method).await?;
    output.answer(&VerifiedJson::new(&verified), |language| views::verified(&verified, language))
}

/// Drafts one plan for all requests that wait for one.
pub(super) async fn erase(
    app: &App,
    author: Option<&str>,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    warn(app, output);
    let planned = app.erase_together(author).await?;
    let json = PlannedJson::new(&planned, |one| StandingJson::new(&standing(one)));
    output.answer(&json, |language| views::planned(&planned, language))?;
    let looked_at = looked_at(app, &planned.planned, output);
    Ok(if planned.left.is_empty() { looked_at } else { ExitStatus::Partial })
}

/// Lines that say something, counted from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Editors of some systems begin a file with a mark of its encoding.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The persons of a file: one a line, as `KIND=VALUE` with tabs between several, or as a JSON object. What is wrong is
/// told by its line alone.
fn persons(text: &str) -> Result<Vec<PersonLine>, Failure> {
    let mut persons = Vec::new();
    for (number, line) in lines(text) {
        let wrong = |what: &str| Failure::usage(format!("line {number}: {what}"));
        if line.len() > LINE_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let identities = if line.starts_with('{') {
            of_json(line)
                .ok_or_else(|| wrong("expected a JSON object of texts, numbers, or lists of them"))?
        } else {
            line.split('\t').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        if identities.len() > IDENTITIES_MAX {
            return Err(wrong("it names too many identities"));
        }
        persons.push(PersonLine { line: number, identities });
        if persons.len() > crate::app::PERSONS_MAX {
            return Err(wrong(&format!(
                "there are more than {} persons: split the file",
                crate::app::PERSONS_MAX
            )));
        }
    }
    if persons.is_empty() {
        return Err(Failure::usage("the file names nobody"));
    }
    Ok(persons)
}

/// The members of an object, in order, those of one name too: a map would keep the last of them and lose the others.
struct Members(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> serde::de::Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

fn of_json(line: &str) -> Option<Vec<String>> {
    let Members(members) = serde_json::from_str(line).ok()?;
    let mut identities = Vec::new();
    for (kind, value) in members {
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            identities.push(match value {
                Value::String(text) => format!("{kind}={text}"),
                Value::Number(number) if number.is_i64() || number.is_u64() => format!("{kind}={number}"),
                _ => return None,
            });
        }
    }
    Some(identities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_line_of_identities_or_a_json_object() {
        let text = "# who asked in May\n\nemail=jo@example.org\tcustomer_id=42\n{\"email\": [\"a@b.c\", \"d@e.f\"], \"customer_id\": 7}\n";
        let all = persons(text).unwrap();
        assert_eq!(all.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(all[0].identities, ["email=jo@example.org", "customer_id=42"]);
        assert_eq!(all[1].identities, ["email=a@b.c", "email=d@e.f", "customer_id=7"]);
    }

    #[test]
    fn no_identity_of_a_line_is_lost() {
        let text = "\u{feff}{\"email\": \"a@b.c\", \"email\": \"d@e.f\"}\r\nemail=x@y.z\r\n";
        let all = persons(text).unwrap();
        assert_eq!(all[0].identities, ["email=a@b.c", "email=d@e.f"]);
        assert_eq!(all[1].identities, ["email=x@y.z"]);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_alone() {
        for (text, said) in [
            ("email=jo@example.org\n{\"email\": {\"secret\": 1}}", "line 2: expected a JSON object"),
            ("{\"email\": \"secret", "line 1: expected a JSON object"),
            ("{\"email\": null}", "line 1: expected"),
            ("# nobody\n", "the file names nobody"),
        ] {
            let failure = persons(text).unwrap_err();
            assert!(failure.message.starts_with(said), "{}", failure.message);
            assert!(!failure.message.contains("secret"));
        }
        let long = format!("email={}", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(persons(&long).unwrap_err().message, "line 1: it is too long");
        let many = "email=jo@example.org\n".repeat(crate::app::PERSONS_MAX + 1);
        assert!(persons(&many).unwrap_err().message.contains("more than 10000 persons"));
    }
}
