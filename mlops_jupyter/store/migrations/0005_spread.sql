-- Pipelines of several notebooks, whose steps run side by side.

CREATE TABLE pipeline_run_notebook (        -- the source notebooks of a run, where there is more than one
    pipeline_run_id  TEXT NOT NULL REFERENCES pipeline_run (id),
    name             TEXT NOT NULL,
    notebook         TEXT NOT NULL,         -- path from the project's root
    digest           TEXT NOT NULL,         -- object: as it was
    PRIMARY KEY (pipeline_run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE step_before (                  -- which steps a step follows
    pipeline_run_id  TEXT NOT NULL REFERENCES pipeline_run (id),
    step_run_id      TEXT NOT NULL REFERENCES step_run (id),
    before_id        TEXT NOT NULL REFERENCES step_run (id),
    takes            TEXT,                  -- JSON: variables that it takes from it, of another notebook; null: none, or all
    receives         TEXT,                  -- object: the values that they are among
    PRIMARY KEY (step_run_id, before_id)
) STRICT, WITHOUT ROWID;

-- the Run that holds what this step recorded, where that is not the Run of the whole pipeline
ALTER TABLE step_run ADD COLUMN run_id TEXT REFERENCES run (id);

-- the pipeline run for which a worker ran one step: that one is listed, and this one is not
ALTER TABLE pipeline_run ADD COLUMN part_of TEXT;

-- Who asked a pipeline run to end; its coordinator writes the end down itself.
ALTER TABLE pipeline_run ADD COLUMN cancelled_by TEXT;
ALTER TABLE pipeline_run ADD COLUMN cancelled_at TEXT;

-- Steps that were run on another host, and are known here.

ALTER TABLE step_entry ADD COLUMN origin TEXT;  -- the shared store that it came from; null: made here

-- Values that pass from step to step lie in data versions.

ALTER TABLE dataset_version ADD COLUMN passed_by TEXT;                     -- PIPELINE:STEP that passed it on; null: people took it

CREATE TABLE passed_value (                 -- the data versions that the values of a boundary lie in
    passes      TEXT NOT NULL,              -- those in step_run.passes
    name        TEXT NOT NULL,              -- of the variable, and of the place in it: split.train
    version_id  INTEGER NOT NULL REFERENCES dataset_version (id),
    digest      TEXT NOT NULL,              -- of its content then; another since rows were erased
    PRIMARY KEY (passes, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX passed_value_by_version ON passed_value (version_id);

-- Notebooks that papermill executes by itself.

ALTER TABLE session ADD COLUMN folder TEXT;  -- in which it works; null: that of its notebook

-- Sweeps: one pipeline run many times, with other parameters.

CREATE TABLE sweep (
    id          TEXT PRIMARY KEY,
    pipeline    TEXT NOT NULL,
    run_id      TEXT NOT NULL REFERENCES run (id),  -- the Run that those of its trials are nested in
    varied      TEXT NOT NULL,          -- JSON: by parameter, over what, in words
    metric      TEXT,                   -- by which trials are ordered
    minimize    INTEGER,                -- the smallest value is the best
    status      TEXT NOT NULL,          -- running | finished | failed | interrupted
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  TEXT NOT NULL,
    ended_at    TEXT
) STRICT;
CREATE INDEX sweep_by_start ON sweep (pipeline, started_at);

CREATE TABLE sweep_trial (
    sweep_id         TEXT NOT NULL REFERENCES sweep (id),
    number           INTEGER NOT NULL,  -- from 1
    parameters       TEXT NOT NULL,     -- JSON: those that are varied
    pipeline_run_id  TEXT NOT NULL,
    status           TEXT NOT NULL,     -- running | finished | failed | interrupted
    error            TEXT,
    exit_code        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sweep_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sweep_trial_by_run ON sweep_trial (pipeline_run_id);

-- Folders that survive a kill: the key of the step they belong to, while it runs.
ALTER TABLE step_run ADD COLUMN checkpoint_key TEXT;
CREATE INDEX step_run_by_checkpoint ON step_run (checkpoint_key) WHERE checkpoint_key IS NOT NULL;

-- What others on another machine can know of a run that is not over: when it last said so.
ALTER TABLE pipeline_run ADD COLUMN machine TEXT;      -- boot and container, to which `pid` belongs
ALTER TABLE pipeline_run ADD COLUMN beat_at TEXT;

CREATE TABLE step_attempt (                 -- each time a step failed; what it recorded then is not in its Run
    step_run_id  TEXT NOT NULL REFERENCES step_run (id),
    number       INTEGER NOT NULL,          -- from 1
    started_at   TEXT NOT NULL,
    ended_at     TEXT NOT NULL,
    error        TEXT NOT NULL,
    executed     TEXT,                      -- path of the executed notebook, from the project's root
    PRIMARY KEY (step_run_id, number)
) STRICT, WITHOUT ROWID;
