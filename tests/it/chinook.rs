//! A shop with the tables of the public sample database Chinook, filled with made-up rows whose dates
//! are all past: invoices go with their lines, and customers who have none left are anonymized.
//! `scripts/chinook` does the same on the real database, and `scripts/chinook-servers` on three stores.

use crate::support::{Project, plan_id};
use crate::tidy::root;
use std::fs;

/// The tables that matter, as Chinook declares them.
const TABLES: &str = "
CREATE TABLE [Employee] ([EmployeeId] INTEGER NOT NULL, [LastName] NVARCHAR(20) NOT NULL, [FirstName] NVARCHAR(20) NOT NULL,
    [ReportsTo] INTEGER, CONSTRAINT [PK_Employee] PRIMARY KEY ([EmployeeId]),
    FOREIGN KEY ([ReportsTo]) REFERENCES [Employee] ([EmployeeId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Customer] ([CustomerId] INTEGER NOT NULL, [FirstName] NVARCHAR(40) NOT NULL, [LastName] NVARCHAR(20) NOT NULL,
    [Company] NVARCHAR(80), [Address] NVARCHAR(70), [City] NVARCHAR(40), [State] NVARCHAR(40), [Country] NVARCHAR(40),
    [PostalCode] NVARCHAR(10), [Phone] NVARCHAR(24), [Fax] NVARCHAR(24), [Email] NVARCHAR(60) NOT NULL, [SupportRepId] INTEGER,
    CONSTRAINT [PK_Customer] PRIMARY KEY ([CustomerId]),
    FOREIGN KEY ([SupportRepId]) REFERENCES [Employee] ([EmployeeId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Invoice] ([InvoiceId] INTEGER NOT NULL, [CustomerId] INTEGER NOT NULL, [InvoiceDate] DATETIME NOT NULL,
    [BillingAddress] NVARCHAR(70), [BillingCity] NVARCHAR(40), [BillingState] NVARCHAR(40), [BillingCountry] NVARCHAR(40),
    [BillingPostalCode] NVARCHAR(10), [Total] NUMERIC(10,2) NOT NULL, CONSTRAINT [PK_Invoice] PRIMARY KEY ([InvoiceId]),
    FOREIGN KEY ([CustomerId]) REFERENCES [Customer] ([CustomerId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Track] ([TrackId] INTEGER NOT NULL, [Name] NVARCHAR(200) NOT NULL, CONSTRAINT [PK_Track] PRIMARY KEY ([TrackId]));
CREATE TABLE [InvoiceLine] ([InvoiceLineId] INTEGER NOT NULL, [InvoiceId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL,
    [UnitPrice] NUMERIC(10,2) NOT NULL, [Quantity] INTEGER NOT NULL, CONSTRAINT [PK_InvoiceLine] PRIMARY KEY ([InvoiceLineId]),
    FOREIGN KEY ([InvoiceId]) REFERENCES [Invoice] ([InvoiceId]) ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE INDEX [IFK_InvoiceCustomerId] ON [Invoice] ([CustomerId]);
CREATE INDEX [IFK_InvoiceLineInvoiceId] ON [InvoiceLine] ([InvoiceId]);";

/// 40 customers; every fourth bought something last month too.
const ROWS: &str = "
INSERT INTO Employee VALUES (1, 'Peacock', 'Jane', NULL), (2, 'Park', 'Margaret', 1);
INSERT INTO Track VALUES (1, 'One'), (2, 'Two');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 40)
INSERT INTO Customer SELECT i, 'First' || i, 'Last' || i, NULL, 'Street ' || i, 'City', NULL, 'France', '75000', '+33', NULL,
    'c' || i || '@example.org', 1 + i % 2 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 200)
INSERT INTO Invoice SELECT i, 1 + i % 40, '2019-' || printf('%02d', 1 + i % 12) || '-11 00:00:00', 'Street', 'City', NULL, 'France', '75000', 1.98 FROM n;
UPDATE Invoice SET InvoiceDate = strftime('%Y-%m-%d 00:00:00', 'now', '-30 days') WHERE CustomerId % 4 = 0 AND InvoiceId % 5 = 0;
INSERT INTO InvoiceLine SELECT InvoiceId * 2, InvoiceId, 1, 0.99, 1 FROM Invoice UNION ALL SELECT InvoiceId * 2 + 1, InvoiceId, 2, 0.99, 1 FROM Invoice;";

#[test]
fn invoices_go_with_their_lines_and_customers_without_any_are_anonymized() {
    let example = root().join("docs/examples/chinook");
    let read = |file: &str| fs::read_to_string(example.join(file)).unwrap();
    let project =
        Project::new(&read("oubliette.yaml"), &read("data-map.yaml"), &read("policies/chinook.yaml"));
    project.sql("Chinook.sqlite", &format!("{TABLES}{ROWS}"));
    project.run(&["check"]).expect(0);
    let count = |statement: &str| -> u64 { project.sql("Chinook.sqlite", statement).parse().unwrap() };
    let old = "InvoiceDate < '2021-01-01 00:00:00'";
    let invoices = count(&format!("SELECT count(*) FROM Invoice WHERE {old};"));
    let lines = count(&format!(
        "SELECT count(*) FROM InvoiceLine WHERE InvoiceId IN (SELECT InvoiceId FROM Invoice WHERE {old});"
    ));
    let customers = count(&format!(
        "SELECT count(*) FROM Customer WHERE CustomerId NOT IN (SELECT CustomerId FROM Invoice WHERE NOT ({old}));"
    ));
    assert!(invoices > 100 && customers > 20 && customers < 40, "{invoices} {customers}");
    let recent =
        project.sql("Chinook.sqlite", "SELECT * FROM Invoice WHERE InvoiceDate > '2021-01-01 00:00:00';");
    let plan = project.plan();
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let end = project.apply();
    assert_eq!(count("SELECT 200 - count(*) FROM Invoice;"), invoices);
    assert_eq!(count("SELECT 400 - count(*) FROM InvoiceLine;"), lines);
    assert_eq!(
        count("SELECT count(*) FROM Customer WHERE LastName = 'effacé' AND Address IS NULL;"),
        customers
    );
    assert_eq!(count("SELECT count(*) FROM Customer WHERE Email LIKE 'c%@example.org';"), 40 - customers);
    assert_eq!(
        project.sql("Chinook.sqlite", "SELECT * FROM Invoice;"),
        recent,
        "what is not due is as it was"
    );
    assert_eq!(project.sql("Chinook.sqlite", "PRAGMA foreign_key_check;"), "");
    let done = |dataset: &str| -> u64 {
        let totals = end["totals"].as_array().unwrap().iter().filter(|row| row["dataset"] == dataset);
        totals.map(|row| row["purged"].as_u64().unwrap() + row["anonymized"].as_u64().unwrap()).sum()
    };
    assert_eq!(
        (done("invoices"), done("invoice-lines"), done("customers")),
        (invoices, lines, customers),
        "{end}"
    );
    let root = project.path("trust-root.json");
    project
        .run(&[
            "verify",
            project.path("certificates").to_str().unwrap(),
            "--trust-root",
            root.to_str().unwrap(),
        ])
        .expect(0);
}
