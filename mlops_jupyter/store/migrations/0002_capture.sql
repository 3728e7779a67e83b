-- What a cell really did: names bound and changed, files, outputs, and the executions before it
-- on which it stands.

ALTER TABLE session ADD COLUMN ended_at TEXT;

ALTER TABLE cell_execution ADD COLUMN notebook TEXT;
ALTER TABLE cell_execution ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';  -- JSON list of names: changed in place
ALTER TABLE cell_execution ADD COLUMN deletes TEXT NOT NULL DEFAULT '[]';  -- JSON list of names
ALTER TABLE cell_execution ADD COLUMN parents TEXT NOT NULL DEFAULT '[]';  -- JSON list of positions in the same session
ALTER TABLE cell_execution ADD COLUMN unsure TEXT NOT NULL DEFAULT '[]';   -- JSON list of reasons, in words

CREATE TABLE file_digest (                  -- what a file held when it was last read in full
    path      TEXT PRIMARY KEY,             -- absolute
    size      INTEGER NOT NULL,
    mtime_ns  INTEGER NOT NULL,
    ctime_ns  INTEGER NOT NULL,
    inode     INTEGER NOT NULL,
    digest    TEXT NOT NULL
) STRICT;

CREATE TABLE execution_file (               -- files, URLs and queries that a cell read, and files that it wrote
    execution_id  INTEGER NOT NULL REFERENCES cell_execution (id),
    path          TEXT NOT NULL,            -- from the project's root where it lies there, else absolute; or a URL, or SQL
    access        TEXT NOT NULL,            -- read | write
    kind          TEXT NOT NULL,            -- file | folder | url | query
    size_bytes    INTEGER,
    digest        TEXT,                     -- of the content when the cell ended; null: unknown or gone
    PRIMARY KEY (execution_id, path, access)
) STRICT, WITHOUT ROWID;

CREATE TABLE output (                       -- figures and tables that a cell showed
    execution_id  INTEGER NOT NULL REFERENCES cell_execution (id),
    number        INTEGER NOT NULL,         -- from 1, in the order in which they were shown
    media_type    TEXT NOT NULL,
    digest        TEXT NOT NULL,            -- object
    size_bytes    INTEGER NOT NULL,
    PRIMARY KEY (execution_id, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE run ADD COLUMN parent_run_id TEXT REFERENCES run (id);
ALTER TABLE run ADD COLUMN unsure TEXT NOT NULL DEFAULT '[]';              -- JSON list: where the slice may be wrong
ALTER TABLE run ADD COLUMN mlflow_openings TEXT;                           -- JSON list: MLflow runs that the user's code opened meanwhile
ALTER TABLE run ADD COLUMN mlflow_store TEXT;                              -- where mlflow_run_id is; null: the project's own MLflow
CREATE INDEX run_by_name ON run (name, started_at);
CREATE INDEX run_by_parent ON run (parent_run_id) WHERE parent_run_id IS NOT NULL;
ALTER TABLE run ADD COLUMN reproduces TEXT REFERENCES run (id);            -- it re-executes that run: not listed, not mirrored
CREATE INDEX run_by_reproduced ON run (reproduces) WHERE reproduces IS NOT NULL;

ALTER TABLE metric ADD COLUMN at TEXT;                                     -- when it was logged

CREATE TABLE certificate (                  -- append-only: what became of re-executing a run
    id          TEXT PRIMARY KEY,
    run_id      TEXT NOT NULL REFERENCES run (id),
    verdict     TEXT NOT NULL,              -- exact | within_tolerance | differs | could_not_run
    report      TEXT NOT NULL,              -- JSON
    notebook    TEXT,                       -- object: the notebook as re-executed
    made_at     TEXT NOT NULL
) STRICT;
CREATE INDEX certificate_by_run ON certificate (run_id, made_at);
