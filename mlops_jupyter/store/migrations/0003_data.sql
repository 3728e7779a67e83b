-- Data versions: where they came from, what they look like, what people call them, what went away.

-- kind of a version: frame | table | array | records | file | folder
ALTER TABLE dataset_version ADD COLUMN source TEXT;                        -- JSON: what it was made of, without secrets
ALTER TABLE dataset_version ADD COLUMN profile TEXT;                       -- object: statistics of its columns, as JSON
ALTER TABLE dataset_version ADD COLUMN stored_bytes INTEGER;               -- what it added to the object store
ALTER TABLE dataset_version ADD COLUMN gone_at TEXT;                       -- its content was given up; the row stays
ALTER TABLE dataset_version ADD COLUMN gone_why TEXT;                      -- in words
ALTER TABLE dataset_version ADD COLUMN again_at TEXT;                      -- when that content was taken again
ALTER TABLE dataset_version ADD COLUMN same_as INTEGER REFERENCES dataset_version (id);  -- since rows were erased
CREATE INDEX dataset_version_by_digest ON dataset_version (digest);

CREATE TABLE data_tag (
    dataset     TEXT NOT NULL,
    tag         TEXT NOT NULL,
    version_id  INTEGER NOT NULL REFERENCES dataset_version (id),
    tagged_at   TEXT NOT NULL,
    PRIMARY KEY (dataset, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX data_tag_by_version ON data_tag (version_id);

CREATE TABLE execution_made (               -- data versions that a cell took; execution_data has those that it loaded too
    execution_id  INTEGER NOT NULL REFERENCES cell_execution (id),
    version_id    INTEGER NOT NULL REFERENCES dataset_version (id),
    PRIMARY KEY (execution_id, version_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX execution_made_by_version ON execution_made (version_id);
CREATE INDEX execution_data_by_version ON execution_data (version_id);
CREATE INDEX run_data_by_version ON run_data (version_id);
CREATE TABLE file_keeping (                 -- files of cells that are to become data versions, until they are
    execution_id  INTEGER NOT NULL REFERENCES cell_execution (id),
    path          TEXT NOT NULL,
    access        TEXT NOT NULL,            -- as in execution_file
    why           TEXT,                     -- null: it waits; else why it did not become one, in words
    PRIMARY KEY (execution_id, path, access)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_keeping_waiting ON file_keeping (execution_id) WHERE why IS NULL;

CREATE INDEX run_cell_by_execution ON run_cell (execution_id);
CREATE INDEX execution_file_by_path ON execution_file (path);
CREATE INDEX execution_file_by_digest ON execution_file (digest) WHERE digest IS NOT NULL;

CREATE TABLE erasure (                      -- append-only: rows that were taken out of versions, and why
    id         TEXT PRIMARY KEY,
    dataset    TEXT NOT NULL,
    predicate  TEXT NOT NULL,
    reason     TEXT NOT NULL,
    actor      TEXT NOT NULL,
    report     TEXT NOT NULL,               -- JSON: of each version the rows taken out, its digest before and after
    erased_at  TEXT NOT NULL
) STRICT;

ALTER TABLE dataset_version ADD COLUMN origin TEXT;                        -- the store that it was pulled from, without secrets; null: made here
ALTER TABLE run ADD COLUMN origin TEXT;                                    -- likewise

CREATE TABLE remote_bundle (                -- what is known of a shared store: its bundles do not change
    remote  TEXT NOT NULL,                  -- the store's own id
    name    TEXT NOT NULL,                  -- of a bundle that was sent there, or came from there
    says    TEXT NOT NULL,                  -- of a version its digest; of a tag its state, JSON; else ''
    PRIMARY KEY (remote, name)
) STRICT, WITHOUT ROWID;
