-- What was done about each schedule. Due times up to `handled_at` are dealt with; `due_at` is the one that is
-- being dealt with.
CREATE TABLE schedule (
    schedule            TEXT PRIMARY KEY,
    handled_at          TEXT NOT NULL,
    due_at              TEXT,
    until               TEXT,
    attempts            INTEGER NOT NULL,
    retry_at            TEXT,
    last_began_at       TEXT,
    last_ended_at       TEXT,
    last_outcome        TEXT,
    last_success_at     TEXT,
    last_plan_id        TEXT,
    last_certificate_id TEXT
) STRICT;

-- What scheduled plans found due, by rule: with what a sudden rise and the daily ceiling are measured.
CREATE TABLE due_count (
    line       INTEGER PRIMARY KEY,
    plan_id    TEXT NOT NULL,
    schedule   TEXT NOT NULL,
    policy     TEXT NOT NULL,
    rule       TEXT NOT NULL,
    at         TEXT NOT NULL,
    due        INTEGER NOT NULL,
    unattended INTEGER NOT NULL,
    UNIQUE (plan_id, policy, rule)
) STRICT;
CREATE INDEX due_count_by_rule ON due_count (policy, rule, line);

-- Instants under a name, such as since when the daemon only pretends.
CREATE TABLE daemon_mark (
    name TEXT PRIMARY KEY,
    at   TEXT NOT NULL
) STRICT;

-- Each verification scan, as JSON: codes, counts and dates.
CREATE TABLE scan (
    line  INTEGER PRIMARY KEY,
    at    TEXT NOT NULL,
    value TEXT NOT NULL
) STRICT;
