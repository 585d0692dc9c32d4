-- A tiny example: sqlite3 data/example.db < data/example.sql
CREATE TABLE prospects (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    full_name TEXT,
    country TEXT NOT NULL,
    last_contact_on DATE
);
INSERT INTO prospects (id, email, full_name, country, last_contact_on) VALUES
    (1, 'one@example.org', 'Example One', 'FR', date('now', '-6 years')),
    (2, 'two@example.org', 'Example Two', 'FR', date('now', '-2 years')),
    (3, 'three@example.org', 'Example Three', 'BE', date('now', '-1 year')),
    (4, 'four@example.org', 'Example Four', 'FR', date('now', '-90 days')),
    (5, 'five@example.org', 'Example Five', 'BE', date('now', '-10 days')),
    (6, 'six@example.org', 'Example Six', 'FR', NULL);
