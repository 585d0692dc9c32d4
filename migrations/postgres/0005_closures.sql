-- Statements that copies which outlived a run have ended: fixed before anything of them is published, so
-- that one of them is one certificate however often a process dies.
CREATE TABLE closure (
    -- SHA-256 over the certificate and the copies that are closed: the same closure is written once.
    closure_id     TEXT COLLATE "C" PRIMARY KEY,
    closes         TEXT COLLATE "C" NOT NULL,
    certificate_id TEXT COLLATE "C" NOT NULL UNIQUE,
    -- What is announced in the log, and what is to be stated, both as canonical JSON.
    announcement   TEXT NOT NULL,
    draft          TEXT NOT NULL,
    published      BIGINT NOT NULL CHECK (published IN (0, 1))
);
