//! Children with several owners, against the same question answered by walking over a small graph.

use super::{Generator, block_on, each, open, setup};
use crate::dataset::{DatasetAddress, DatasetShape, Location};
use crate::predicate::{self, Predicate};
use crate::selection::{CoOwner, Dependent, Selection, StartCondition};
use crate::sql::SqlText;
use crate::sql::sqlite::{due_condition, referenced};
use crate::transform::Disposal;
use crate::value::{Value, ValueType};
use proptest::prelude::*;
use sqlx::sqlite::SqliteConnection;

const ROWS: usize = 6;

/// A row of `p` or `q`: which table, and its number.
type Node = (char, usize);

/// Whether each row is due, and the owners of each child: two columns that name `p`, one that names `q`.
#[derive(Debug, Clone)]
struct Graph {
    due: [[bool; ROWS]; 2],
    children: Vec<[Option<usize>; 3]>,
}

impl Graph {
    fn is_due(&self, (table, number): Node) -> bool {
        self.due[usize::from(table == 'q')].get(number).copied().unwrap_or(false)
    }

    /// The owners of a child that are there; a number without a row names nobody.
    fn owners(child: &[Option<usize>; 3]) -> Vec<Node> {
        let tables = ['p', 'p', 'q'];
        let named = child.iter().zip(tables).filter_map(|(number, table)| Some((table, (*number)?)));
        named.filter(|(_, number)| *number < ROWS).collect()
    }

    /// Who owns a child together with this row.
    fn partners(&self, node: Node) -> Vec<Node> {
        let shared = self.children.iter().map(Self::owners).filter(|owners| owners.contains(&node));
        shared.flatten().filter(|other| *other != node).collect()
    }

    fn goes(&self, node: Node) -> bool {
        let is_free =
            |other: Node| self.is_due(other) && self.partners(other).into_iter().all(|third| third == node);
        self.is_due(node) && self.partners(node).into_iter().all(is_free)
    }
}

fn graph() -> impl Strategy<Value = Graph> {
    let due = || prop::array::uniform6(prop::bool::weighted(0.7));
    let owner = || prop::option::weighted(0.6, 0..ROWS + 2);
    let children = prop::collection::vec([owner(), owner(), owner()], 0..7);
    ([due(), due()], children).prop_map(|(due, children)| Graph { due, children })
}

fn address(table: &str) -> DatasetAddress {
    let location = Location::Table { schema: None, table: table.to_owned() };
    DatasetAddress { store: "s".to_owned(), dataset: table.to_owned(), location }
}

fn shape() -> DatasetShape {
    DatasetShape { key: vec!["id".to_owned()], ..DatasetShape::default() }
}

fn plain(table: &str, scope: Predicate) -> Selection {
    Selection {
        address: address(table),
        shape: shape(),
        scope,
        start: StartCondition::Linked,
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

/// The selections of `p` and `q`, each with the children of its columns.
fn selections() -> [Selection; 2] {
    let scope = || {
        let kind = |name: &str| (name == "due").then_some(ValueType::Int);
        predicate::parse("due = 1").unwrap().check(&kind, &[]).unwrap()
    };
    let columns = [("a", "p"), ("b", "p"), ("c", "q")];
    let own = |table: &str, going: &[Selection]| {
        let dependent = |column: &str| Dependent {
            address: address("k"),
            shape: shape(),
            pairs: vec![(column.to_owned(), "id".to_owned())],
            holds: Vec::new(),
            co_owners: columns
                .iter()
                .filter(|(other, _)| *other != column)
                .map(|(other, owner)| CoOwner {
                    address: address(owner),
                    shape: shape(),
                    pairs: vec![((*other).to_owned(), "id".to_owned())],
                    going: going.iter().filter(|one| one.address.dataset == *owner).cloned().collect(),
                })
                .collect(),
            dependents: Vec::new(),
        };
        let here = columns.iter().filter(|(_, owner)| *owner == table);
        let dependents = here.map(|(column, _)| dependent(column)).collect();
        Selection { dependents, ..plain(table, scope()) }
    };
    let going = [own("p", &[]), own("q", &[])];
    [own("p", &going), own("q", &going)]
}

async fn store(connection: &mut SqliteConnection, graph: &Graph) {
    let mut statements = vec!["DELETE FROM k".to_owned()];
    for (table, due) in ["p", "q"].into_iter().zip(graph.due) {
        for (id, due) in due.iter().enumerate() {
            statements.push(format!("INSERT OR REPLACE INTO {table} VALUES ({id}, {})", i32::from(*due)));
        }
    }
    let text = |owner: &Option<usize>| owner.map_or("NULL".to_owned(), |number| number.to_string());
    for [a, b, c] in &graph.children {
        statements.push(format!("INSERT INTO k (a, b, c) VALUES ({}, {}, {})", text(a), text(b), text(c)));
    }
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
}

#[test]
fn a_child_goes_only_when_every_owner_that_is_there_goes() {
    block_on(async {
        let mut connection = open().await;
        setup(
            &mut connection,
            &[
                "CREATE TABLE p (id INTEGER PRIMARY KEY, due INTEGER)",
                "CREATE TABLE q (id INTEGER PRIMARY KEY, due INTEGER)",
                "CREATE TABLE k (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER)",
            ],
        )
        .await;
        let mut generator = Generator::new(11);
        let selections = selections();
        let (mut going, mut kept) = (0, 0);
        for _ in 0..300 {
            let graph = generator.one(&graph());
            store(&mut connection, &graph).await;
            for (selection, (table, name)) in selections.iter().zip([('p', "p"), ('q', "q")]) {
                let due = due_condition(selection, "t").unwrap();
                let due = SqlText::fill("({0} IS TRUE)", &[&due]);
                let answers = each(&mut connection, name, &due).await;
                let by_way = referenced(selection, "t").unwrap();
                assert_eq!(by_way.len(), selection.keepers().len());
                for (number, answer) in answers.iter().enumerate() {
                    let node = (table, number);
                    let goes = graph.goes(node);
                    assert_eq!(*answer, Value::Int(i64::from(goes)), "{node:?} of {graph:?}");
                    let shared = !graph.partners(node).is_empty() && graph.is_due(node);
                    going += u32::from(goes && shared);
                    kept += u32::from(!goes && shared);
                }
            }
        }
        assert!(going > 100 && kept > 100, "{going} went and {kept} stayed");
    });
}
