//! What the catalogue says, and what is refused as a dataset.

use super::{Database, address, with_database};
use crate::dataset::{DatasetShape, ForeignKey, ReferentialAction};
use crate::error::ConnectorError;
use crate::server::{Access, Backend as _};
use crate::sql::{Ident, SqlText};

const SCHEMA: &str = "
    CREATE SCHEMA crm; CREATE SCHEMA \"Odd \"\"one\"\"; --\";
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN mail AS varchar(50) CHECK (value LIKE '%@%');
    CREATE DOMAIN work_mail AS mail NOT NULL;
    CREATE TABLE invoice (
      id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, small smallint UNIQUE, price numeric(10,2), note varchar(20) NOT NULL,
      code char(3), mood mood, token uuid, mail mail, work work_mail, made date, at timestamptz(3), local timestamp,
      doc json, tags text[], raw bytea, ok boolean, doubled numeric GENERATED ALWAYS AS (price * 2) STORED,
      lowered text, CHECK (price > 0 OR ok));
    CREATE UNIQUE INDEX ON invoice (lower(lowered)) WHERE ok;
    CREATE TABLE crm.\"select\" (\"order\" text, \"Group\" int, PRIMARY KEY (\"Group\", \"order\"));
    CREATE TABLE crm.line (
      id bigint PRIMARY KEY, invoice_id int REFERENCES invoice ON DELETE CASCADE, g int, o text, up bigint REFERENCES crm.line ON DELETE SET NULL,
      FOREIGN KEY (o, g) REFERENCES crm.\"select\" (\"order\", \"Group\") ON DELETE RESTRICT);
    CREATE INDEX ON crm.line (g, o, id); CREATE INDEX ON crm.line (invoice_id) WHERE invoice_id > 5;
    CREATE TABLE event (id bigint, day date, invoice_id int REFERENCES invoice, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE event_2020 PARTITION OF event FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE INDEX ON event (invoice_id);
    CREATE TABLE seat (id int PRIMARY KEY, event_id bigint, day date, FOREIGN KEY (event_id, day) REFERENCES event_2020 (id, day));
    CREATE TABLE animal (id int PRIMARY KEY); CREATE TABLE dog (bark text) INHERITS (animal);
    CREATE VIEW seen AS SELECT * FROM invoice; CREATE MATERIALIZED VIEW kept AS SELECT 1 AS x;
    CREATE TABLE \"Odd \"\"one\"\"; --\".\"it's \"\"x\"\"; DROP TABLE invoice; --\" (\"key \"\"1\" text PRIMARY KEY);
    CREATE TABLE pg_stat_like (id int PRIMARY KEY); CREATE TABLE public.pg_class (id int PRIMARY KEY); CREATE TABLE keyless (x text);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER on_delete AFTER DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION f();
    CREATE TRIGGER on_insert AFTER INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION f();
    CREATE TRIGGER on_update_off AFTER UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION f();
    ALTER TABLE invoice DISABLE TRIGGER on_update_off;
    CREATE TRIGGER on_part BEFORE UPDATE ON event_2020 FOR EACH ROW EXECUTE FUNCTION f();
    CREATE RULE no_delete AS ON DELETE TO crm.line WHERE old.id = 0 DO INSTEAD NOTHING;";

fn told(shape: &DatasetShape) -> Vec<String> {
    let tell = |column: &crate::ColumnShape| {
        let flags = [
            (column.nullable, "nullable"),
            (column.unique, "unique"),
            (column.generated, "generated"),
            (column.checked, "checked"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|flag| flag.0).map(|flag| flag.1).collect();
        let length = column.length_max.map(|length| format!(" max {length}")).unwrap_or_default();
        format!(
            "{} {} {:?}{length} {}",
            column.name,
            column.declared_type,
            column.value_type,
            flags.join(" ")
        )
    };
    shape.columns.iter().map(tell).collect()
}

fn key_told(key: &ForeignKey) -> String {
    let name =
        |schema: &Option<String>, table: &str| format!("{}.{table}", schema.as_deref().unwrap_or("public"));
    format!(
        "{}({}) {}({}) {:?}{}",
        name(&key.child_schema, &key.child_table),
        key.child_columns.join(", "),
        name(&key.parent_schema, &key.parent_table),
        key.parent_columns.join(", "),
        key.on_delete,
        if key.child_indexed { " indexed" } else { "" }
    )
}

#[test]
fn columns_are_described_as_the_catalogue_has_them() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let mut session = database.open().await;
        let shape = session.shape("invoice").await;
        assert_eq!(
            told(&shape),
            [
                "id integer Int unique generated",
                "small smallint Int nullable unique",
                "price numeric(10,2) Real nullable checked",
                "note character varying(20) Text max 20 ",
                "code character(3) Text max 3 nullable",
                "mood mood Text nullable checked",
                "token uuid Text nullable checked",
                "mail character varying(50) Text max 50 nullable checked",
                "work character varying(50) Text max 50 checked",
                "made date Date nullable",
                "at timestamp(3) with time zone Instant nullable",
                "local timestamp without time zone Unknown nullable",
                "doc json Unknown nullable",
                "tags text[] Unknown nullable",
                "raw bytea Bytes nullable",
                "ok boolean Bool nullable unique checked",
                "doubled numeric Real nullable generated",
                "lowered text Text nullable unique",
            ]
        );
        assert_eq!(shape.key, ["id"]);
        assert_eq!(shape.triggers, ["on_delete"]);
        assert_eq!(session.shape("public.invoice").await, shape);
        assert_eq!(session.shape("crm.select").await.key, ["Group", "order"]);
        assert_eq!(session.shape("crm.line").await.triggers, ["no_delete"]);
        assert_eq!(session.shape("event").await.triggers, ["on_part"]);
        assert!(session.shape("keyless").await.key.is_empty());
    });
}

#[test]
fn foreign_keys_are_seen_from_both_sides_across_schemas_and_partitions() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let mut session = database.open().await;
        let by = |shape: &DatasetShape| shape.referenced_by.iter().map(key_told).collect::<Vec<_>>();
        let line = session.shape("crm.line").await;
        let references: Vec<String> = line.references.iter().map(key_told).collect();
        assert_eq!(
            references,
            [
                "crm.line(invoice_id) public.invoice(id) Cascade",
                "crm.line(o, g) crm.select(order, Group) Restrict indexed",
                "crm.line(up) crm.line(id) SetNull",
            ]
        );
        assert_eq!(by(&line), ["crm.line(up) crm.line(id) SetNull"]);
        assert_eq!(
            by(&session.shape("invoice").await),
            [
                "crm.line(invoice_id) public.invoice(id) Cascade",
                "public.event(invoice_id) public.invoice(id) NoAction indexed"
            ]
        );
        let event = session.shape("event").await;
        assert_eq!(by(&event), ["public.seat(event_id, day) public.event(id, day) NoAction"]);
        assert_eq!(event.references.len(), 1);
        assert_eq!(event.references.first().unwrap().on_delete, ReferentialAction::NoAction);
    });
}

#[test]
fn what_is_no_table_is_refused_with_the_way_out() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let mut session = database.open().await;
        for (table, end) in [
            ("seen", "is a view: name the tables behind it"),
            ("kept", "is a view: name the tables behind it"),
            ("animal", "whose rows would go along: make it a partitioned table"),
            ("event_2020", "is a partition: name the partitioned table"),
            ("pg_class", "has the name of a system table: name its schema too"),
            ("nothing", "there is no such table in schema 'public'"),
            ("Invoice", "there is no such table in schema 'public'"),
            ("pg_catalog.pg_class", "there is no such table in schema 'pg_catalog'"),
            ("crm.", "there is no such table in schema 'crm'"),
            ("a\0b", "there is no such table in schema 'public'"),
        ] {
            let refusal = session.refusal(&address(table)).await;
            assert!(refusal.ends_with(end), "{table}: {refusal}");
        }
        assert_eq!(session.shape("public.pg_class").await.key, ["id"]);
        assert_eq!(session.shape("dog").await.columns.len(), 2);
    });
}

#[test]
fn every_table_is_discovered_whatever_its_name() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let mut session = database.open().await;
        let found = session.backend.discover(&mut session.connection).await.unwrap();
        let names: Vec<&str> = found.iter().map(|(address, _)| address.dataset.as_str()).collect();
        assert_eq!(
            names,
            [
                "shop.Odd \"one\"; --.it's \"x\"; DROP TABLE invoice; --",
                "shop.crm.line",
                "shop.crm.select",
                "shop.dog",
                "shop.event",
                "shop.invoice",
                "shop.keyless",
                "shop.pg_class",
                "shop.pg_stat_like",
                "shop.seat"
            ]
        );
        for (address, shape) in &found {
            let inspected = session.backend.inspect(&mut session.connection, address).await.unwrap();
            assert_eq!(*shape, inspected, "{}", address.dataset);
        }
    });
}

/// A role of this test, named after its database, that may read and change one table under a policy.
async fn restricted(database: &Database) -> String {
    database
        .run(
            "CREATE TABLE person (id int PRIMARY KEY, name text); INSERT INTO person VALUES (1, 'secret-name'), (2, 'other');
             CREATE TABLE open (id int PRIMARY KEY, name text UNIQUE); INSERT INTO open VALUES (1, 'secret-name'), (2, 'other');
             CREATE TABLE closed (id int PRIMARY KEY);
             ALTER TABLE person ENABLE ROW LEVEL SECURITY; CREATE POLICY partly ON person USING (id = 1)",
        )
        .await;
    let role = SqlText::ident(&Ident::new(&database.name).unwrap());
    let mut owner = database.owner().await;
    for template in ["CREATE ROLE {0} LOGIN", "GRANT SELECT, UPDATE, DELETE ON person, open TO {0}"] {
        let sql = SqlText::fill(template, &[&role]);
        crate::sql::postgres_query(sql).execute(&mut owner).await.unwrap();
    }
    database.name.clone()
}

#[test]
fn rows_that_a_policy_would_hide_are_an_error_and_a_missing_right_too() {
    with_database(async |database| {
        let role = restricted(&database).await;
        let backend = database.backend_as(Some(&role));
        let mut connection = backend.connect(Access::Write).await.unwrap();
        assert!(backend.inspect(&mut connection, &address("person")).await.is_ok());
        for table in ["person", "closed"] {
            let table = SqlText::table(&address(table)).unwrap();
            let sql = SqlText::fill("SELECT count(*) FROM {0}", &[&table]);
            let refused = backend.rows(&mut connection, "t", sql).await.unwrap_err();
            assert!(matches!(refused, ConnectorError::Denied { .. }), "{refused}");
        }
        assert!(backend.pressure(&mut connection, 0).await.is_ok(), "hidden statistics are no error");
        assert!(backend.clock(&mut connection).await.is_ok());
        // Another role's session of the same run is known to be there, and not passed over.
        let mut other = database.open().await;
        other.backend.enlist(&mut other.connection, "run").await.unwrap();
        let hidden = backend.enlisted(&mut connection, "run").await.unwrap_err();
        assert!(matches!(hidden, ConnectorError::Denied { .. }), "{hidden}");
    });
}
