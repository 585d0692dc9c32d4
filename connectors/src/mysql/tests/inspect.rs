//! Shapes, from a schema with everything in it.

use super::{Scratch, address, block_on, url_of};
use crate::dataset::{DatasetAddress, Location, ReferentialAction};
use crate::error::ConnectorError;
use crate::mysql::{MySqlBackend, MySqlOptions};
use crate::server::{Access, Backend as _};
use crate::sql::{Ident, SqlText};
use crate::value::Value;
use crate::value::ValueType::{Bool, Bytes, Date, Instant, Int, Real, Text};

const SCHEMA: [&str; 9] = [
    "CREATE TABLE customer (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(120) NOT NULL UNIQUE, \
     name VARCHAR(80) CHARACTER SET latin1, score INT, grade INT, doubled INT AS (score * 2) STORED, \
     full_name VARCHAR(90) AS (CONCAT(name, '!')) VIRTUAL, since DATETIME(3), seen TIMESTAMP NULL, born DATE, active TINYINT(1), \
     payload BLOB, notes JSON, balance DECIMAL(10,2), \"odd\"\"name\" INT, CHECK (score >= 0))",
    "CREATE TABLE invoice (tenant INT, number VARCHAR(20), customer_id INT NOT NULL, sponsor_id INT, \
     PRIMARY KEY (tenant, number), \
     CONSTRAINT fk_customer FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE, \
     CONSTRAINT fk_sponsor FOREIGN KEY (sponsor_id) REFERENCES customer (id) ON DELETE SET NULL)",
    "CREATE TABLE line (id BIGINT UNSIGNED PRIMARY KEY, tenant INT, number VARCHAR(20), \
     FOREIGN KEY (tenant, number) REFERENCES invoice (tenant, number) ON DELETE RESTRICT)",
    "CREATE TABLE node (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES node (id))",
    "CREATE TABLE heap (id INT) ENGINE = MyISAM",
    "CREATE TABLE keyless (x INT)",
    "CREATE TABLE parts (id INT PRIMARY KEY, x INT) PARTITION BY HASH (id) PARTITIONS 3",
    "CREATE VIEW people AS SELECT id FROM customer",
    "CREATE TRIGGER watch BEFORE DELETE ON customer FOR EACH ROW SET @x = 1",
];

#[test]
fn a_rich_schema_is_told_as_it_is() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch.setup(&mut connection, &SCHEMA).await;
        scratch
            .setup(
                &mut connection,
                &["CREATE TRIGGER fill BEFORE INSERT ON customer FOR EACH ROW SET @x = 1"],
            )
            .await;
        let shape = scratch.backend.inspect(&mut connection, &address("customer")).await.unwrap();
        let column = |name: &str| shape.column(name).unwrap();
        assert_eq!(shape.key, ["id"]);
        assert_eq!(shape.triggers, ["watch"]);
        assert!(!column("id").generated && column("id").unique && !column("id").nullable);
        assert!(column("email").unique && !column("email").nullable);
        assert_eq!((column("email").length_max, column("name").length_max), (Some(120), Some(80)));
        assert_eq!(column("name").declared_type, "varchar(80)");
        assert!(column("doubled").generated && column("full_name").generated && !column("score").generated);
        assert!(column("score").checked && !column("grade").checked);
        let types = ["id", "name", "since", "seen", "born", "active", "payload", "balance", "odd\"name"]
            .map(|name| column(name).value_type);
        assert_eq!(types, [Int, Text, Text, Instant, Date, Bool, Bytes, Real, Int]);

        // A table of the default database is named without it.
        let here: Option<String> = None;
        let [by_customer, by_sponsor] = shape.referenced_by.as_slice() else {
            panic!("{:?}", shape.referenced_by)
        };
        assert_eq!((&by_customer.child_schema, by_customer.child_table.as_str()), (&here, "invoice"));
        assert_eq!((&by_customer.parent_schema, by_customer.parent_table.as_str()), (&here, "customer"));
        assert_eq!(by_customer.child_columns, ["customer_id"]);
        assert_eq!(by_customer.on_delete, ReferentialAction::Cascade);
        assert_eq!(by_sponsor.on_delete, ReferentialAction::SetNull);
        assert!(by_customer.child_indexed);

        let invoice = scratch.backend.inspect(&mut connection, &address("invoice")).await.unwrap();
        assert_eq!(invoice.key, ["tenant", "number"]);
        assert_eq!((invoice.references.len(), invoice.referenced_by.len()), (2, 1));
        assert_eq!(invoice.referenced_by[0].child_columns, ["tenant", "number"]);
        assert_eq!(invoice.referenced_by[0].on_delete, ReferentialAction::Restrict);
        let node = scratch.backend.inspect(&mut connection, &address("node")).await.unwrap();
        assert_eq!(node.references, node.referenced_by);
        assert!(scratch.backend.inspect(&mut connection, &address("keyless")).await.unwrap().key.is_empty());
        assert_eq!(scratch.backend.inspect(&mut connection, &address("parts")).await.unwrap().key, ["id"]);
    });
}

#[test]
fn what_cannot_be_governed_is_refused_with_the_way_out() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch.setup(&mut connection, &SCHEMA).await;
        for (table, expected) in [("people", "name the tables behind it"), ("heap", "ENGINE = InnoDB")] {
            let error = scratch.backend.inspect(&mut connection, &address(table)).await.unwrap_err();
            assert!(matches!(error, ConnectorError::NotSupported { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = scratch.backend.inspect(&mut connection, &address("nothing")).await.unwrap_err();
        assert!(matches!(error, ConnectorError::SchemaDrift { .. }), "{error}");
    });
}

#[test]
fn all_tables_are_discovered_and_a_schema_may_be_named() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch.setup(&mut connection, &SCHEMA).await;
        let found = scratch.backend.discover(&mut connection).await.unwrap();
        let names: Vec<&str> = found.iter().map(|(address, _)| address.dataset.as_str()).collect();
        assert_eq!(names, ["customer", "invoice", "keyless", "line", "node", "parts"]);
        for (address, shape) in &found {
            assert_eq!(&scratch.backend.inspect(&mut connection, address).await.unwrap(), shape);
        }
        let named = DatasetAddress {
            location: Location::Table { schema: Some(scratch.name.clone()), table: "invoice".to_owned() },
            ..address("invoice")
        };
        let shape = scratch.backend.inspect(&mut connection, &named).await.unwrap();
        assert_eq!(&shape, &found[1].1);
    });
}

/// A user that lives as long as its test.
struct User<'a> {
    scratch: &'a Scratch,
    backend: MySqlBackend,
}

impl<'a> User<'a> {
    async fn new(scratch: &'a Scratch, grant: &'static str) -> Self {
        let mut connection = scratch.writer().await;
        let name = SqlText::ident(&Ident::new(&scratch.name).unwrap());
        let user = SqlText::fill("{0}@'127.0.0.1'", &[&name]);
        scratch.run(&mut connection, SqlText::fill("CREATE USER {0}", &[&user])).await;
        scratch.run(&mut connection, SqlText::fill(grant, &[&name, &user])).await;
        let url = url_of(&scratch.name).replace("root@", &format!("{}@", scratch.name));
        let backend = MySqlBackend::new("crm", &url, MySqlOptions::default()).unwrap();
        Self { scratch, backend }
    }

    async fn remove(self) {
        let mut connection = self.scratch.writer().await;
        let name = SqlText::ident(&Ident::new(&self.scratch.name).unwrap());
        self.scratch.run(&mut connection, SqlText::fill("DROP USER {0}@'127.0.0.1'", &[&name])).await;
    }
}

#[test]
fn what_the_user_may_not_see_is_said() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch.setup(&mut connection, &SCHEMA).await;

        // MariaDB hides foreign keys from who may only read.
        for grant in ["GRANT SELECT ON {0}.* TO {1}", "GRANT SELECT, REFERENCES ON {0}.customer TO {1}"] {
            let user = User::new(&scratch, grant).await;
            let mut reader = user.backend.connect(Access::Read).await.unwrap();
            let error = user.backend.inspect(&mut reader, &address("customer")).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
            assert!(error.to_string().contains("grant REFERENCES on the whole database"), "{error}");
            let error = user.backend.discover(&mut reader).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
            user.remove().await;
        }

        let user = User::new(&scratch, "GRANT SELECT, REFERENCES ON {0}.* TO {1}").await;
        let mut reader = user.backend.connect(Access::Read).await.unwrap();
        let shape = user.backend.inspect(&mut reader, &address("customer")).await.unwrap();
        assert_eq!(shape.triggers, ["(unknown: the right TRIGGER is needed to see them)"]);
        assert_eq!(shape.referenced_by.len(), 2);
        assert!(shape.column("score").unwrap().checked && shape.column("email").unwrap().unique);
        // Pressure is silent about what may not be seen, and does not fail.
        user.backend.pressure(&mut reader, 0).await.unwrap();
        user.remove().await;

        let user = User::new(&scratch, "GRANT SELECT, TRIGGER ON {0}.* TO {1}").await;
        let mut reader = user.backend.connect(Access::Read).await.unwrap();
        let shape = user.backend.inspect(&mut reader, &address("customer")).await.unwrap();
        assert_eq!(shape.triggers, ["watch"]);
        user.remove().await;
    });
}

#[test]
fn the_clock_is_the_servers() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.open(Access::Read).await;
        let first = scratch.backend.clock(&mut connection).await.unwrap();
        let sql =
            SqlText::fill("SELECT UNIX_TIMESTAMP() - {0}", &[&SqlText::value(Value::Int(first.timestamp()))]);
        let row = scratch.rows(&mut connection, sql).await.remove(0);
        assert!(matches!(row.as_slice(), [Value::Int(0..=5)]));
    });
}
