-- Steps that were run before with the same code, values, files, data and environment.

CREATE TABLE step_entry (                   -- what a finished step was made of, and what it gave
    id            TEXT PRIMARY KEY,
    step_run_id   TEXT NOT NULL REFERENCES step_run (id),
    pipeline      TEXT NOT NULL,
    step          TEXT NOT NULL,
    key           TEXT NOT NULL,            -- digest of what is known before it runs: code, parameters, values, environment
    parts         TEXT NOT NULL,            -- JSON: the parts of the key, each with its digest and in words
    reads         TEXT NOT NULL,            -- JSON: files and data versions that it read, with their digests
    passes        TEXT,                     -- object: the values for the steps after
    passes_digest TEXT,                     -- of these values, equal for equal values
    writes        TEXT NOT NULL,            -- JSON: files that it wrote, with digest and object
    records       TEXT NOT NULL,            -- JSON: metrics, parameters, artifacts, model that it added to its run
    why_not       TEXT,                     -- why it may not be used again; null: it may
    made_at       TEXT NOT NULL
) STRICT;
CREATE INDEX step_entry_by_key ON step_entry (key, made_at);
CREATE INDEX step_entry_by_step ON step_entry (pipeline, step, made_at);

CREATE TABLE step_touch (                   -- append-only: somebody said that a step is fresh, and why
    id          TEXT PRIMARY KEY,
    pipeline    TEXT NOT NULL,
    step        TEXT NOT NULL,
    entry_id    TEXT NOT NULL REFERENCES step_entry (id),
    key         TEXT NOT NULL,              -- the key that is taken for that entry's
    reason      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    touched_at  TEXT NOT NULL
) STRICT;

ALTER TABLE step_run ADD COLUMN entry_id TEXT REFERENCES step_entry (id);  -- it was not run: this was taken
CREATE INDEX step_run_by_entry ON step_run (entry_id) WHERE entry_id IS NOT NULL;
ALTER TABLE step_run ADD COLUMN passes_digest TEXT;                        -- of these values, equal for equal values
ALTER TABLE step_run ADD COLUMN why TEXT;                                  -- why it was run, or not, in words

CREATE TABLE step_entry_object (            -- what an entry needs beside `passes`: files, artifacts, models, notebook
    entry_id  TEXT NOT NULL REFERENCES step_entry (id),
    digest    TEXT NOT NULL,                -- object
    PRIMARY KEY (entry_id, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE step_data (                    -- data versions that a step asked for, as it wrote them
    step_run_id  TEXT NOT NULL REFERENCES step_run (id),
    asked        TEXT NOT NULL,             -- train@latest
    version_id   INTEGER NOT NULL REFERENCES dataset_version (id),
    PRIMARY KEY (step_run_id, asked)
) STRICT, WITHOUT ROWID;

-- where an execution that another run made stands among those of this run; null: by its id
ALTER TABLE run_cell ADD COLUMN place REAL;
