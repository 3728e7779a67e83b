-- Pipelines of several notebooks, whose steps run side by side.

CREATE TABLE step_before (                  -- which steps a step follows, and takes values from
    step_run_id  TEXT NOT NULL REFERENCES step_run (id),
    before_id    TEXT NOT NULL REFERENCES step_run (id),
    PRIMARY KEY (step_run_id, before_id)
) STRICT, WITHOUT ROWID;

-- the Run that holds what this step recorded, where that is not the Run of the whole pipeline
ALTER TABLE step_run ADD COLUMN run_id TEXT REFERENCES run (id);

-- Who asked a pipeline run to end; its coordinator writes the end down itself.
ALTER TABLE pipeline_run ADD COLUMN cancelled_by TEXT;
ALTER TABLE pipeline_run ADD COLUMN cancelled_at TEXT;
