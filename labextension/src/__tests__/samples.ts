/** Nouns to draw and answers to give, as small as the types allow. */

import type { IApi } from '../api';
import type { ITranslate } from '../text';
import type {
  Certificate,
  CheckResult,
  DatasetVersion,
  Decision,
  GateReport,
  ModelSummary,
  NotebookState,
  PipelineRun,
  ProjectInfo,
  Run,
  StepRun,
  Waiting
} from '../wire';

/** English, as JupyterLab fills in the numbers. */
export const trans: ITranslate = {
  __: (msgid, ...args) => fill(msgid, args),
  _n: (singular, plural, count, ...args) =>
    fill(count === 1 ? singular : plural, [count, ...args])
};

function fill(text: string, args: unknown[]): string {
  return text.replace(/%(\d)/g, (_, i) => String(args[Number(i) - 1]));
}

/** An hour ago, for people who read this later. */
export const THEN = new Date(Date.now() - 3_600_000).toISOString();

export const info = (more: Partial<ProjectInfo> = {}): ProjectInfo => ({
  name: 'flights',
  root: 'flights',
  hint: null,
  waiting: 0,
  mirror_error: null,
  ...more
});

export const run = (more: Partial<Run> = {}): Run => ({
  id: '0123456789abcdef',
  name: 'baseline',
  status: 'finished',
  notebook: 'delays.ipynb',
  started_at: THEN,
  ended_at: THEN,
  error: null,
  git_commit: null,
  git_dirty: null,
  code_digest: null,
  environment_digest: null,
  model_digest: null,
  model_kind: null,
  pipeline_run_id: null,
  parent_run_id: null,
  mlflow_run_id: null,
  parameters: {},
  metrics: {},
  data: [],
  artifacts: [],
  ...more
});

export const certificate = (more: Partial<Certificate> = {}): Certificate => ({
  id: 'c',
  run_id: '0123456789abcdef',
  verdict: 'exact',
  reason: null,
  cause: null,
  positions: [2, 3, 7],
  widened_by: 0,
  attempts: 1,
  differences: [],
  unseeded: [],
  notes: [],
  tolerance: null,
  environment: 'here',
  code_digest: null,
  data_digests: {},
  environment_digest: null,
  model_digest: null,
  reproduction_id: null,
  notebook: null,
  python: '3.11.9',
  duration_seconds: 4.2,
  made_at: THEN,
  ...more
});

export const version = (more: Partial<DatasetVersion>): DatasetVersion => ({
  dataset: 'flights',
  number: 1,
  digest: 'blake3:0',
  kind: 'frame',
  manifest: 'blake3:1',
  row_count: 27_004,
  columns: [{ name: 'month', type: 'int64', missing: 3 }],
  size_bytes: 3_100_000,
  note: null,
  created_at: THEN,
  ...more
});

export const pipelineRun = (more: Partial<PipelineRun>): PipelineRun => ({
  id: 'a',
  pipeline: 'train',
  notebook: 'train.ipynb',
  parameters: {},
  status: 'finished',
  run_id: null,
  started_at: THEN,
  ended_at: THEN,
  steps: [],
  ...more
});

export const stepRun = (more: Partial<StepRun> = {}): StepRun => ({
  step: 'load',
  status: 'finished',
  started_at: THEN,
  ended_at: THEN,
  executed: null,
  error: null,
  ...more
});

export const check = (more: Partial<CheckResult> = {}): CheckResult => ({
  check: 'accuracy not worse than champion v2 by more than 0.01',
  verdict: 'pass',
  challenger: 0.914,
  champion: 0.91,
  why: '0.914 against 0.91: better by 0.004',
  kind: 'compare',
  id: 'compare/accuracy',
  value: 0.004,
  lower: -0.002,
  upper: 0.01,
  limit: -0.01,
  side: 'above',
  count: 27_321,
  method: 'paired t',
  p: 0.0003,
  ...more
});

export const waiting = (more: Partial<Waiting> = {}): Waiting => ({
  decision: 'seen',
  version: 3,
  verdict: 'pass',
  needed: 1,
  by: [],
  approved: [],
  expires_at: null,
  lapsed: null,
  ready: false,
  ...more
});

export const report = (more: Partial<GateReport> = {}): GateReport => ({
  verdict: 'fail',
  challenger: 3,
  champion: 2,
  bootstrap: false,
  data: 'flights@4',
  row_count: 27_321,
  left_out: 0,
  checks: [
    {
      check: 'log_loss not worse than champion',
      verdict: 'fail',
      challenger: 0.4712,
      champion: 0.4412,
      why: 'worse by 0.03'
    }
  ],
  ...more
});

export const decision = (more: Partial<Decision>): Decision => ({
  id: 'd',
  model: 'delays',
  kind: 'promote',
  state: 'applied',
  from_version: null,
  to_version: 1,
  reason: 'passed 1 of 1 checks',
  actor: 'maya',
  decided_at: THEN,
  report: null,
  ...more
});

export const model = (more: Partial<ModelSummary> = {}): ModelSummary => ({
  name: 'delays',
  champion: 2,
  versions: [],
  decisions: [],
  ...more
});

export const notebookState = (
  more: Partial<NotebookState> = {}
): NotebookState => ({
  notebook: 'delays.ipynb',
  verdict: 'reproducible',
  why: 'running all cells gives the same',
  basis: 'recorded',
  cells: [],
  hidden: [],
  session_id: '0123456789abcdef',
  ...more
});

/** A server that answers from memory, and notes what it was asked. */
export class MemoryApi implements IApi {
  answers = {
    info: info(),
    runs: [run()],
    step: 'running' as StepRun['status']
  };
  asked: string[] = [];
  down: Error | null = null;

  project = (path: string): Promise<ProjectInfo> =>
    this.answer(`project ${path}`, this.answers.info);

  runs: IApi['runs'] = (_path, limit, offset) =>
    this.answer(`runs ${offset}`, {
      runs: this.answers.runs.slice(offset, offset + limit),
      total: this.answers.runs.length
    });

  run: IApi['run'] = (_path, id) =>
    this.answer(`run ${id}`, { run: run({ id }), cells: [] });

  series: IApi['series'] = (_path, id) =>
    this.answer(`series ${id}`, { series: [] });

  artifact: IApi['artifact'] = (_path, _id, name) =>
    this.answer(`artifact ${name}`, new Blob());

  datasets: IApi['datasets'] = () => this.answer('datasets', { datasets: [] });

  pipelines: IApi['pipelines'] = () =>
    this.answer('pipelines', { pipelines: [] });

  parameters: IApi['parameters'] = (_path, pipeline) =>
    this.answer(`parameters ${pipeline}`, {
      pipeline,
      notebook: 'train.ipynb',
      schema: {}
    });

  picture: IApi['picture'] = (_path, pipeline) =>
    this.answer(`picture ${pipeline}`, { pipeline, mermaid: 'flowchart TD' });

  launch: IApi['launch'] = (_path, pipeline) =>
    this.answer(`launch ${pipeline}`, pipelineRun({ pipeline }));

  cancel: IApi['cancel'] = (_path, id) =>
    this.answer(`cancel ${id}`, pipelineRun({ id }));

  /** What a step has printed; its end is where the text ends. */
  printed = '';

  log: IApi['log'] = (_path, id, step, offset) => {
    const begin = offset ?? 0;
    return this.answer(`log ${id} ${step} ${offset}`, {
      step: stepRun({ step, status: this.answers.step }),
      text: this.printed.slice(begin),
      offset: begin,
      next_offset: this.printed.length,
      is_ended: this.answers.step !== 'running'
    });
  };

  executed: IApi['executed'] = (_path, id, step) =>
    this.answer(`executed ${id} ${step}`, {
      cells: [],
      metadata: {},
      nbformat: 4,
      nbformat_minor: 5
    });

  approve: IApi['approve'] = (_path, model) =>
    this.answer(`approve ${model}`, decision({ model, kind: 'approve' }));

  promote: IApi['promote'] = (_path, model) =>
    this.answer(`promote ${model}`, {
      decision: decision({ model }),
      waiting: null
    });

  rollback: IApi['rollback'] = (_path, model) =>
    this.answer(`rollback ${model}`, decision({ model, kind: 'rollback' }));

  models: IApi['models'] = () => this.answer('models', { models: [] });

  notebookState: IApi['notebookState'] = (path, { cells }) =>
    this.answer(
      `state ${path}: ${cells.map(cell => cell.source).join('; ')}`,
      notebookState()
    );

  private answer<T>(question: string, value: T): Promise<T> {
    this.asked.push(question);
    return this.down ? Promise.reject(this.down) : Promise.resolve(value);
  }
}
