-- Notices to recipients of personal data (GDPR art. 19): who, about which erasure, and how it stands. Under which
-- identities the recipient knows the person, and remarks, stand sealed and are destroyed once it is told.
CREATE TABLE notice (
    line           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id      TEXT NOT NULL UNIQUE,
    request_id     TEXT NOT NULL REFERENCES request (request_id),
    certificate_id TEXT NOT NULL,
    recipient      TEXT NOT NULL,
    state          TEXT NOT NULL,
    made_at        TEXT COLLATE "C" NOT NULL,
    attempts       BIGINT NOT NULL,
    next_at        TEXT COLLATE "C",
    told_at        TEXT COLLATE "C",
    failure        TEXT,
    -- Identities.
    sealed         BYTEA
);
CREATE INDEX notice_by_request ON notice (request_id, line);
CREATE INDEX notice_open ON notice (line) WHERE state NOT IN ('told', 'not_possible');
