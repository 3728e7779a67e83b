-- Times are ISO 8601 in UTC with microseconds, so that text order is time order.
-- Digests are written 'blake3:<hex>'. A metric whose value is NULL was NaN: SQLite has no NaN.

CREATE TABLE session (
    id          TEXT PRIMARY KEY,
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    notebook    TEXT,
    started_at  TEXT NOT NULL
) STRICT;

CREATE TABLE source (
    digest      TEXT PRIMARY KEY,
    text        TEXT NOT NULL
) STRICT;

CREATE TABLE run (
    id                  TEXT PRIMARY KEY,
    name                TEXT NOT NULL,
    status              TEXT NOT NULL,      -- running | finished | failed | interrupted
    session_id          TEXT REFERENCES session (id),
    notebook            TEXT,
    started_at          TEXT NOT NULL,
    ended_at            TEXT,
    error               TEXT,
    code_digest         TEXT,
    git_commit          TEXT,
    git_dirty           INTEGER,
    environment_digest  TEXT,               -- object: the environment as JSON
    model_digest        TEXT,               -- object: the fitted model
    model_kind          TEXT,               -- its class, for people
    model_example       TEXT,               -- object: a few rows that it can predict on
    pipeline_run_id     TEXT,               -- the pipeline run that it records
    mlflow_run_id       TEXT,               -- null until the mirror has copied the run
    mlflow_model_id     TEXT                -- MLflow's id of the logged model, 'm-…'
) STRICT;
CREATE INDEX run_by_start ON run (started_at);
CREATE INDEX run_by_pipeline ON run (pipeline_run_id) WHERE pipeline_run_id IS NOT NULL;
CREATE INDEX run_unfinished ON run (session_id) WHERE status = 'running';

CREATE TABLE cell_execution (
    id                INTEGER PRIMARY KEY,
    session_id        TEXT NOT NULL REFERENCES session (id),
    position          INTEGER NOT NULL,     -- 1 is the first cell that the session executed
    cell_id           TEXT,
    source_digest     TEXT NOT NULL REFERENCES source (digest),
    code_digest       TEXT NOT NULL,        -- without comments and formatting
    reads             TEXT NOT NULL,        -- JSON list of names
    writes            TEXT NOT NULL,        -- JSON list of names
    started_at        TEXT NOT NULL,
    duration_seconds  REAL NOT NULL,
    error             TEXT,
    run_id            TEXT REFERENCES run (id),
    UNIQUE (session_id, position)
) STRICT;

CREATE TABLE run_cell (                     -- the CodeVersion of a run: its cells, in order
    run_id        TEXT NOT NULL REFERENCES run (id),
    execution_id  INTEGER NOT NULL REFERENCES cell_execution (id),
    PRIMARY KEY (run_id, execution_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE parameter (
    run_id  TEXT NOT NULL REFERENCES run (id),
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,                  -- JSON
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
    run_id  TEXT NOT NULL REFERENCES run (id),
    name    TEXT NOT NULL,
    step    INTEGER NOT NULL,
    value   REAL,
    PRIMARY KEY (run_id, name, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_by_value ON metric (name, value);

CREATE TABLE artifact (
    run_id      TEXT NOT NULL REFERENCES run (id),
    name        TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    digest      TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset_version (
    id          INTEGER PRIMARY KEY,
    dataset     TEXT NOT NULL,
    number      INTEGER NOT NULL,
    digest      TEXT NOT NULL,              -- of the content
    kind        TEXT NOT NULL,              -- frame | file
    manifest    TEXT NOT NULL,              -- object: how to build the content again
    row_count   INTEGER,
    columns     TEXT NOT NULL,              -- JSON list of {name, type, missing}
    size_bytes  INTEGER NOT NULL,           -- of the content
    note        TEXT,
    created_at  TEXT NOT NULL,
    UNIQUE (dataset, number),
    UNIQUE (dataset, digest)
) STRICT;

CREATE TABLE execution_data (               -- data versions that a cell took or loaded
    execution_id  INTEGER NOT NULL REFERENCES cell_execution (id),
    version_id    INTEGER NOT NULL REFERENCES dataset_version (id),
    PRIMARY KEY (execution_id, version_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_data (                     -- data versions that a run stands on
    run_id      TEXT NOT NULL REFERENCES run (id),
    version_id  INTEGER NOT NULL REFERENCES dataset_version (id),
    PRIMARY KEY (run_id, version_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline_run (
    id               TEXT PRIMARY KEY,
    pipeline         TEXT NOT NULL,
    notebook         TEXT NOT NULL,
    notebook_digest  TEXT NOT NULL,         -- object: the source notebook as it was
    parameters       TEXT NOT NULL,         -- JSON object
    status           TEXT NOT NULL,         -- running | finished | failed | interrupted
    host             TEXT NOT NULL,
    pid              INTEGER NOT NULL,
    started_at       TEXT NOT NULL,
    ended_at         TEXT
) STRICT;
CREATE INDEX pipeline_run_by_start ON pipeline_run (started_at);

CREATE TABLE step_run (
    id               TEXT PRIMARY KEY,
    pipeline_run_id  TEXT NOT NULL REFERENCES pipeline_run (id),
    step             TEXT NOT NULL,
    position         INTEGER NOT NULL,
    status           TEXT NOT NULL,         -- queued | running | finished | failed | interrupted
    receives         TEXT,                  -- object: the values from the steps before
    passes           TEXT,                  -- object: the values for the steps after
    -- JSON: what the next step has anyway: code, and what its setup makes
    boundary         TEXT NOT NULL DEFAULT '{"definitions":{},"recreated":[]}',
    executed         TEXT,                  -- path of the executed notebook, from the project's root
    error            TEXT,
    started_at       TEXT,
    ended_at         TEXT,
    UNIQUE (pipeline_run_id, step)
) STRICT;

CREATE TABLE model_version (
    model          TEXT NOT NULL,
    version        INTEGER NOT NULL,
    run_id         TEXT NOT NULL REFERENCES run (id),
    model_digest   TEXT NOT NULL,
    registered_at  TEXT NOT NULL,
    PRIMARY KEY (model, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation (
    id             TEXT PRIMARY KEY,
    model          TEXT NOT NULL,
    version        INTEGER NOT NULL,
    version_id     INTEGER NOT NULL REFERENCES dataset_version (id),
    label          TEXT NOT NULL,           -- the column that was predicted
    row_count      INTEGER NOT NULL,
    left_out       INTEGER NOT NULL,        -- rows without a label
    rows_digest    TEXT NOT NULL,           -- of the rows scored: two evaluations compare only when equal
    metrics        TEXT NOT NULL,           -- JSON object
    scores         TEXT NOT NULL,           -- object: predictions row by row, as an Arrow stream
    evaluated_at   TEXT NOT NULL
) STRICT;

CREATE TABLE decision (                     -- append-only
    id            TEXT PRIMARY KEY,
    model         TEXT NOT NULL,
    kind          TEXT NOT NULL,            -- promote | reject | rollback
    from_version  INTEGER,
    to_version    INTEGER NOT NULL,
    reason        TEXT NOT NULL,
    actor         TEXT NOT NULL,
    report        TEXT,                     -- JSON: the gate report
    decided_at    TEXT NOT NULL
) STRICT;
CREATE INDEX decision_by_model ON decision (model, decided_at);

CREATE TABLE decision_state (               -- append-only: what became of a decision
    decision_id  TEXT NOT NULL REFERENCES decision (id),
    state        TEXT NOT NULL,             -- intended | applied | void
    at           TEXT NOT NULL,
    PRIMARY KEY (decision_id, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    run_id      TEXT NOT NULL REFERENCES run (id),
    created_at  TEXT NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    error       TEXT,
    done_at     TEXT
) STRICT;
CREATE INDEX outbox_waiting ON outbox (id) WHERE done_at IS NULL;
