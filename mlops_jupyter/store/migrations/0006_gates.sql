-- Decisions that are chained: each entry names the digest of the one before it.

CREATE TABLE ledger (                       -- append-only; `mlops decisions verify` reads all of it
    digest       TEXT PRIMARY KEY,          -- of the bytes of `entry`
    number       INTEGER UNIQUE,            -- from 1, without gaps; null: of another project's chain
    chain        TEXT NOT NULL,             -- which one: drawn when it was opened
    kind         TEXT NOT NULL,             -- opened | decision | state
    decision_id  TEXT REFERENCES decision (id),  -- null: the first entry, which opens the chain
    entry        TEXT NOT NULL              -- canonical JSON: the number, the digest before, the record
) STRICT;
CREATE INDEX ledger_by_decision ON ledger (decision_id);

-- guards against mistakes; what finds a change in spite of them is the chain
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the record of decisions is append-only');
END;
CREATE TRIGGER ledger_is_not_changed BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the record of decisions is append-only');
END;

ALTER TABLE decision ADD COLUMN judged TEXT;    -- the decision, with its report, that this one acts on
ALTER TABLE decision ADD COLUMN override INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decision ADD COLUMN chained INTEGER NOT NULL DEFAULT 0;  -- it has an entry in the ledger
ALTER TABLE decision ADD COLUMN origin TEXT;    -- the shared store that it came from; null: made here

CREATE TABLE decision_outbox (              -- what MLflow is to be told of a decision
    id           INTEGER PRIMARY KEY,
    decision_id  TEXT NOT NULL REFERENCES decision (id),
    attempts     INTEGER NOT NULL DEFAULT 0,
    error        TEXT,
    done_at      TEXT
) STRICT;
CREATE INDEX decision_outbox_waiting ON decision_outbox (id) WHERE done_at IS NULL;

ALTER TABLE evaluation ADD COLUMN is_baseline INTEGER NOT NULL DEFAULT 0;  -- a champion that another is compared with: no candidate's look at the rows
