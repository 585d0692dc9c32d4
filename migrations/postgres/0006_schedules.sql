-- What was done about each schedule. Due times up to `handled_at` are dealt with; `due_at` is the one that is
-- being dealt with.
CREATE TABLE schedule (
    schedule            TEXT PRIMARY KEY,
    handled_at          TEXT COLLATE "C" NOT NULL,
    due_at              TEXT COLLATE "C",
    until               TEXT COLLATE "C",
    attempts            BIGINT NOT NULL,
    retry_at            TEXT COLLATE "C",
    last_began_at       TEXT COLLATE "C",
    last_ended_at       TEXT COLLATE "C",
    last_outcome        TEXT,
    last_success_at     TEXT COLLATE "C",
    last_plan_id        TEXT,
    last_certificate_id TEXT
);

-- What scheduled plans found due, by rule: with what a sudden rise and the daily ceiling are measured.
CREATE TABLE due_count (
    line       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id    TEXT NOT NULL,
    schedule   TEXT NOT NULL,
    policy     TEXT NOT NULL,
    rule       TEXT NOT NULL,
    at         TEXT COLLATE "C" NOT NULL,
    due        BIGINT NOT NULL,
    unattended BIGINT NOT NULL,
    UNIQUE (plan_id, policy, rule)
);
CREATE INDEX due_count_by_rule ON due_count (policy, rule, line);

-- Instants under a name, such as since when the daemon only pretends.
CREATE TABLE daemon_mark (
    name TEXT PRIMARY KEY,
    at   TEXT COLLATE "C" NOT NULL
);

-- Each verification scan, as JSON: codes, counts and dates.
CREATE TABLE scan (
    line  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at    TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL
);
