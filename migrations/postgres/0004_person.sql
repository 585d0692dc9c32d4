-- Each time that somebody looked for a person, or handed out what was found. `value` is JSON with counts by
-- dataset and names nobody; who looked and why stands sealed.
CREATE TABLE look (
    line    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    look_id TEXT NOT NULL UNIQUE,
    at      TEXT COLLATE "C" NOT NULL,
    value   TEXT NOT NULL,
    sealed  BYTEA NOT NULL
);

-- Where the records were that a certificate of a request covers, sealed: what the person's receipt is made of. Not
-- kept for long.
CREATE TABLE request_receipt (
    certificate_id TEXT PRIMARY KEY,
    request_id     TEXT NOT NULL REFERENCES request (request_id),
    at             TEXT COLLATE "C" NOT NULL,
    sealed         BYTEA NOT NULL
);
CREATE INDEX request_receipt_by_request ON request_receipt (request_id);
