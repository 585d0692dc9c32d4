-- Requests of persons. `value` is JSON with codes, dates and states; who the person is stands sealed in
-- `sealed`, and as keyed hashes in `request_identity`, and both are destroyed when the request has ended.
CREATE TABLE request (
    line        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL,
    received_at TEXT COLLATE "C" NOT NULL,
    value       TEXT NOT NULL,
    -- Identities.
    sealed      BYTEA
);
CREATE INDEX request_open ON request (line) WHERE state NOT IN ('done', 'refused', 'cancelled');

CREATE TABLE request_identity (
    request_id TEXT NOT NULL REFERENCES request (request_id),
    hash       TEXT NOT NULL,
    PRIMARY KEY (request_id, hash)
);
CREATE INDEX request_by_identity ON request_identity (hash);

-- What happened to a request, one line each.
CREATE TABLE request_event (
    line       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES request (request_id),
    at         TEXT COLLATE "C" NOT NULL,
    event      TEXT NOT NULL,
    -- A remark, such as how an identity was verified.
    sealed     BYTEA
);
CREATE INDEX request_event_by_request ON request_event (request_id, line);

-- What was found for a plan: keys of records, sealed.
CREATE TABLE request_plan (
    plan_id    TEXT PRIMARY KEY REFERENCES plan (plan_id),
    request_id TEXT NOT NULL REFERENCES request (request_id),
    line       BIGINT NOT NULL,
    sealed     BYTEA
);
CREATE INDEX request_plan_by_request ON request_plan (request_id, line);
