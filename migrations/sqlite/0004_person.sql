-- Each time that somebody looked for a person, or handed out what was found. `value` is JSON with counts by
-- dataset and names nobody; who looked and why stands sealed.
CREATE TABLE look (
    line    INTEGER PRIMARY KEY,
    look_id TEXT NOT NULL UNIQUE,
    at      TEXT NOT NULL,
    value   TEXT NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;

-- Where the records were that a certificate of a request covers, sealed: what the person's receipt is made of. Not
-- kept for long.
CREATE TABLE request_receipt (
    certificate_id TEXT PRIMARY KEY,
    request_id     TEXT NOT NULL REFERENCES request (request_id),
    at             TEXT NOT NULL,
    sealed         BLOB NOT NULL
) STRICT;
CREATE INDEX request_receipt_by_request ON request_receipt (request_id);
