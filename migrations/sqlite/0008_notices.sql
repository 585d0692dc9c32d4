-- Notices to recipients of personal data (GDPR art. 19): who, about which erasure, and how it stands. Under which
-- identities the recipient knows the person, and remarks, stand sealed and are destroyed once it is told.
CREATE TABLE notice (
    line           INTEGER PRIMARY KEY,
    notice_id      TEXT NOT NULL UNIQUE,
    request_id     TEXT NOT NULL REFERENCES request (request_id),
    certificate_id TEXT NOT NULL,
    recipient      TEXT NOT NULL,
    state          TEXT NOT NULL,
    made_at        TEXT NOT NULL,
    attempts       INTEGER NOT NULL,
    next_at        TEXT,
    told_at        TEXT,
    failure        TEXT,
    -- Identities.
    sealed         BLOB
) STRICT;
CREATE INDEX notice_by_request ON notice (request_id, line);
CREATE INDEX notice_open ON notice (line) WHERE state NOT IN ('told', 'not_possible');
