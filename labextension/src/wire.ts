// Made by `jlpm wire` from mlops_jupyter/wire.py. Do not edit.

/**
 * Which project the panel shows.
 *
 * `root` is the project's folder, from the server's root; None when there is no project,
 * and then `hint` says what to do. `waiting` counts the runs that MLflow does not have yet,
 * `mirror_error` is why the last try failed.
 */
export interface ProjectInfo {
  name: string | null;
  root: string | null;
  hint: string | null;
  waiting: number;
  mirror_error: string | null;
}
/**
 * A page of runs, newest first, and how many there are in all.
 */
export interface RunPage {
  runs: Run[];
  total: number;
}
/**
 * One recorded experiment.
 *
 * Attributes
 * ----------
 * id : str
 *     Sixteen hex digits.
 * name : str
 *     What the user called it.
 * status : str
 *     ``running``, ``finished``, ``failed`` or ``interrupted`` (its kernel died).
 * notebook : str or None
 *     Path of the notebook, as the kernel was told it.
 * started_at, ended_at : str, str or None
 *     ISO 8601, UTC.
 * error : str or None
 *     Last line of the traceback when it failed.
 * git_commit, git_dirty : str or None, bool or None
 *     None outside a git repository.
 * code_digest : str or None
 *     Of the cells that made it, without comments and formatting.
 * model_digest, model_kind : str or None
 *     The fitted model that it kept, and its class.
 * pipeline_run_id : str or None
 *     The pipeline run that it records.
 * parent_run_id : str or None
 *     The run around it, of a nested run.
 * mlflow_run_id : str or None
 *     None until the mirror has copied it.
 * parameters : dict of str to JSON value
 * metrics : dict of str to float or None
 *     The last value of each; None stands for NaN.
 * data : tuple of str
 *     The data versions that it stands on, ``train@3``.
 * artifacts : tuple of Artifact
 */
export interface Run {
  id: string;
  name: string;
  status: 'failed' | 'finished' | 'interrupted' | 'running';
  notebook: string | null;
  started_at: string;
  ended_at: string | null;
  error: string | null;
  git_commit: string | null;
  git_dirty: boolean | null;
  code_digest: string | null;
  environment_digest: string | null;
  model_digest: string | null;
  model_kind: string | null;
  pipeline_run_id: string | null;
  parent_run_id: string | null;
  mlflow_run_id: string | null;
  parameters: {
    [k: string]: unknown;
  };
  metrics: {
    [k: string]: number | null;
  };
  data: string[];
  artifacts: Artifact[];
}
/**
 * A file that a run shows: a figure, for instance.
 */
export interface Artifact {
  name: string;
  media_type: string;
  digest: string;
  size_bytes: number;
}
/**
 * A run and what stands behind it.
 *
 * Attributes
 * ----------
 * run : Run
 * cells : tuple of CodeCell
 *     The cells that made it, in the order of their execution.
 * certificate : Certificate or None
 *     What became of re-executing it, the last time.
 * unsure : tuple of str
 *     Why those cells may not give the same again, in words.
 * made : tuple of str
 *     Of the data versions of the run, those that its cells took themselves.
 */
export interface RunDetail {
  run: Run;
  cells: CodeCell[];
  certificate?: Certificate | null;
  unsure?: string[];
  made?: string[];
}
/**
 * One executed cell of a run's CodeVersion, as it was when it ran.
 */
export interface CodeCell {
  position: number;
  cell_id: string | null;
  source: string;
  duration_seconds: number;
  error: string | null;
  files: ReadFile[];
}
/**
 * A file that a cell read or wrote, or a URL or query that it read.
 *
 * Attributes
 * ----------
 * path : str
 *     From the project's root where it lies there, else absolute; or a URL, or SQL. Bytes of a
 *     name that are not UTF-8 are written ``\xff``.
 * access, kind : str
 * size_bytes : int or None
 * digest : str or None
 *     ``blake3:…`` of the content when the cell ended. None: unknown, or gone; of what was
 *     read, also when the same cell changed it later. Of a folder: see
 *     `mlops_jupyter.data.file_state.folder_digest`.
 * not_kept : str or None
 *     Why it did not become a data version, where the project wants that of it.
 */
export interface ReadFile {
  path: string;
  access: 'read' | 'write';
  kind: 'file' | 'folder' | 'query' | 'url';
  size_bytes: number | null;
  digest: string | null;
  not_kept?: string | null;
}
/**
 * What became of executing a run again, in a fresh kernel and an empty folder.
 *
 * Attributes
 * ----------
 * id : str
 *     Sixteen hex digits.
 * run_id : str
 *     The run.
 * verdict : str
 *     ``exact``, ``within_tolerance``, ``differs`` or ``could_not_run``.
 * reason : str or None
 *     Why it could not run: which cell or file, and what was missing.
 * cause : str or None
 *     With it: ``cell``, ``file`` or ``kernel``.
 * positions : tuple of int
 *     The executions of the session that were executed again, in order.
 * widened_by : int
 *     How many of these the run's own slice did not hold.
 * attempts : int
 *     How many sets of cells were tried.
 * differences : tuple of Difference
 * unseeded : tuple of str
 *     Sources of randomness that the run used without a seed.
 * notes : tuple of str
 *     What was not compared, or not as it was: durations, packages, modules.
 * tolerance : float or None
 *     Relative and absolute; None is exact.
 * environment : str
 *     ``here`` or ``lock``.
 * code_digest : str or None
 *     Of the cells executed, without comments and formatting.
 * data_digests : dict of str to str
 *     Data versions and files that they stood on, and their content.
 * environment_digest, model_digest : str or None
 *     Of the re-execution.
 * reproduction_id : str or None
 *     The run that records the re-execution.
 * notebook : str or None
 *     Object: the notebook as executed again.
 * python : str
 * duration_seconds : float
 * made_at : str
 *     ISO 8601, UTC.
 */
export interface Certificate {
  id: string;
  run_id: string;
  verdict: 'could_not_run' | 'differs' | 'exact' | 'within_tolerance';
  reason: string | null;
  cause: ('cell' | 'file' | 'kernel') | null;
  positions: number[];
  widened_by: number;
  attempts: number;
  differences: Difference[];
  unseeded: string[];
  notes: string[];
  tolerance: number | null;
  environment: 'here' | 'lock';
  code_digest: string | null;
  data_digests: {
    [k: string]: string;
  };
  environment_digest: string | null;
  model_digest: string | null;
  reproduction_id: string | null;
  notebook: string | null;
  python: string;
  duration_seconds: number;
  made_at: string;
}
/**
 * One value of the run that its re-execution did not give.
 *
 * Attributes
 * ----------
 * kind : str
 *     ``metric``, ``figure``, ``model`` or ``error``.
 * name : str
 *     Of the metric (``loss[3]`` is its step 3), of the figure, of the model's output.
 * recorded, found : str
 *     The two values, for people; ``missing`` where there is none.
 * by : float or None
 *     How far they are apart: of a metric or a prediction the absolute difference, of a
 *     figure the share of its pixels. None where that cannot be said.
 * within : bool
 *     It is within the tolerance that was given.
 */
export interface Difference {
  kind: 'error' | 'figure' | 'metric' | 'model';
  name: string;
  recorded: string;
  found: string;
  by?: number | null;
  within?: boolean;
}
/**
 * All series of a run, by name.
 */
export interface RunSeries {
  series: Series[];
}
/**
 * The values of one metric, step by step.
 *
 * Attributes
 * ----------
 * name : str
 * steps : tuple of int
 * values : tuple of float or None
 *     None stands for NaN.
 * times : tuple of str or None
 *     When each was logged: ISO 8601, UTC; None in catalogs of old versions.
 * total : int
 *     How many steps there are: of more than `MOST_POINTS`, the smallest and the largest of
 *     each stretch are here.
 */
export interface Series {
  name: string;
  steps: number[];
  values: (number | null)[];
  times: (string | null)[];
  total: number;
}
/**
 * All datasets, by name.
 */
export interface Datasets {
  datasets: Dataset[];
}
/**
 * A name and all its versions, newest first.
 */
export interface Dataset {
  name: string;
  versions: DatasetVersion[];
}
/**
 * An immutable state of a named table or file, written ``train@3``.
 *
 * Attributes
 * ----------
 * dataset : str
 *     The name.
 * number : int
 *     1 is the first version.
 * digest : str
 *     ``blake3:…`` of the content: two versions with one digest are the same content.
 * kind : str
 *     See `Kind`.
 * manifest : str
 *     Digest of the object that says how to build the content again.
 * row_count : int or None
 *     Rows of a frame, table, array or list; None for files and folders.
 * columns : tuple of Column
 *     Columns of a frame, table or list, in order; else empty.
 * size_bytes : int
 *     Size of the content, uncompressed.
 * note : str or None
 *     What its maker said of it.
 * created_at : str
 *     ISO 8601, UTC.
 * source : Source or None
 *     What it was made of; None for a value of a cell.
 * profile : str or None
 *     Digest of the object with its statistics, see `mlops_jupyter.data.statistics.profile`.
 * stored_bytes : int or None
 *     What it added to the object store.
 * tags : tuple of str
 *     Names that people gave it.
 * gone_at, gone_why : str or None
 *     When and why its content was given up.
 */
export interface DatasetVersion {
  dataset: string;
  number: number;
  digest: string;
  kind: 'array' | 'file' | 'folder' | 'frame' | 'records' | 'table';
  manifest: string;
  row_count: number | null;
  columns: Column[];
  size_bytes: number;
  note: string | null;
  created_at: string;
  source?: Source | null;
  profile?: string | null;
  stored_bytes?: number | null;
  tags?: string[];
  gone_at?: string | null;
  gone_why?: string | null;
}
/**
 * One column of a frame: its name as text, its dtype, how many values are missing.
 */
export interface Column {
  name: string;
  type: string;
  missing: number;
}
/**
 * What a version was made of, without secrets.
 *
 * Attributes
 * ----------
 * kind : str
 * text : str
 *     Path from the project's root (else absolute), URL, or SQL.
 * connection : str or None
 *     Of a query: which database, without user name and password.
 * parameters : str or None
 *     Of a query, and of what DVC tracks (its ``md5``, the ``commit`` of an import): JSON.
 */
export interface Source {
  kind: 'dvc' | 'file' | 'folder' | 'query' | 'url';
  text: string;
  connection?: string | null;
  parameters?: string | null;
}
/**
 * All pipelines that ``mlops.yaml`` declares, by name.
 */
export interface Pipelines {
  pipelines: PipelineSummary[];
}
/**
 * A pipeline that ``mlops.yaml`` declares, and its last runs, newest first.
 */
export interface PipelineSummary {
  name: string;
  notebook: string;
  runs: PipelineRun[];
}
/**
 * One execution of a pipeline; `run_id` is the Run that holds what it recorded.
 */
export interface PipelineRun {
  id: string;
  pipeline: string;
  notebook: string;
  parameters: {
    [k: string]: unknown;
  };
  status: 'failed' | 'finished' | 'interrupted' | 'running';
  run_id: string | null;
  started_at: string;
  ended_at: string | null;
  steps: StepRun[];
}
/**
 * One execution of one step.
 *
 * Attributes
 * ----------
 * step : str
 * status : str
 *     ``cached``: it was not run, what it gave before was taken.
 * started_at, ended_at : str or None
 * executed : str or None
 *     Path of the executed notebook, from the project's root.
 * error : str or None
 * why : str or None
 *     Why it was run, or not, in words.
 * failures : tuple of str
 *     The errors of its attempts that failed, the first one first.
 * cell, cells : int or None
 *     At which cell of how many it is, from 1, while it is running.
 */
export interface StepRun {
  step: string;
  status: 'cached' | 'failed' | 'finished' | 'interrupted' | 'queued' | 'running';
  started_at: string | null;
  ended_at: string | null;
  executed: string | null;
  error: string | null;
  why?: string | null;
  failures?: string[];
  cell?: number | null;
  cells?: number | null;
}
/**
 * The JSON Schema of the parameters of a pipeline, from which a form is made.
 */
export interface PipelineForm {
  pipeline: string;
  notebook: string;
  schema: {
    [k: string]: unknown;
  };
}
/**
 * The steps of a pipeline, and what goes from one to another, as a Mermaid flowchart.
 */
export interface PipelinePicture {
  pipeline: string;
  mermaid: string;
}
/**
 * A part of what the cells of a step have printed.
 *
 * Attributes
 * ----------
 * step : StepRun
 *     As it stands.
 * text : str
 * offset, next_offset : int
 *     In bytes: where the part begins, and where the next one does.
 * is_ended : bool
 *     Nothing will come after it.
 */
export interface LogPart {
  step: StepRun;
  text: string;
  offset: number;
  next_offset: number;
  is_ended: boolean;
}
/**
 * All models, by name.
 */
export interface Models {
  models: ModelSummary[];
}
/**
 * A model: its champion, its versions and the decisions on them, newest first.
 *
 * Attributes
 * ----------
 * waiting : Waiting or None
 *     The newest judged version, if it waits for somebody.
 * rollback_to : int or None
 *     The version that `mlops rollback` would make champion.
 */
export interface ModelSummary {
  name: string;
  champion: number | null;
  versions: ModelVersion[];
  decisions: Decision[];
  waiting?: Waiting | null;
  rollback_to?: number | null;
}
/**
 * An immutable trained artifact of one run.
 */
export interface ModelVersion {
  model: string;
  version: number;
  run_id: string;
  model_digest: string;
  registered_at: string;
}
/**
 * An append-only record: who decided what, when and why.
 *
 * `kind` is ``pass``, ``hold`` or ``reject`` for a gate that moved nothing, ``promote`` and
 * ``rollback`` for what moves the alias, ``approve`` for a person's yes to an earlier one.
 * `state` is ``intended`` before the alias is moved, ``applied`` after, ``void`` when it was
 * never moved.
 *
 * Attributes
 * ----------
 * number : int or None
 *     In the chain of this project, from 1; None for a decision that was pulled from another.
 * digest : str or None
 *     Of the whole record. None for those that were made before records were chained.
 * judged : str or None
 *     The id of the decision, with its gate report, that an approval or a promotion acts on.
 * override : bool
 *     The alias was moved although the gate did not pass; `reason` says why.
 */
export interface Decision {
  id: string;
  model: string;
  kind: 'approve' | 'hold' | 'pass' | 'promote' | 'reject' | 'rollback';
  state: 'applied' | 'intended' | 'void';
  from_version: number | null;
  to_version: number;
  reason: string;
  actor: string;
  decided_at: string;
  report: GateReport | null;
  number?: number | null;
  digest?: string | null;
  judged?: string | null;
  override?: boolean;
}
/**
 * The verdict of a gate, with its evidence.
 *
 * Attributes
 * ----------
 * verdict : str
 *     ``pass`` only when no check failed, held or raised, and at least one passed.
 * challenger : int
 *     The version judged.
 * champion : int or None
 *     The version it was compared with; None for the first model (`bootstrap`).
 * bootstrap : bool
 *     There was no champion: only absolute checks could be made, and the report says so.
 * data : str
 *     The dataset version on which both were scored.
 * row_count, left_out : int
 *     Rows scored, and rows left out because they have no label.
 * checks : tuple of CheckResult
 *     In the order of ``mlops.yaml``.
 * level : float
 *     How often a bound may be wrong by chance.
 * rows_digest : str
 *     Of the rows scored.
 * clusters : int or None
 *     Independent groups of rows, where rows are not.
 * looks : int or None
 *     Candidates judged on these rows so far, this one included.
 * warnings : tuple of str
 *     What people should know, and what decides nothing.
 */
export interface GateReport {
  verdict: 'error' | 'fail' | 'hold' | 'pass';
  challenger: number;
  champion: number | null;
  bootstrap: boolean;
  data: string;
  row_count: number;
  left_out: number;
  checks: CheckResult[];
  level?: number;
  rows_digest?: string;
  clusters?: number | null;
  looks?: number | null;
  warnings?: string[];
}
/**
 * One line of a gate report.
 *
 * Attributes
 * ----------
 * check : str
 *     What was asked, in words: ``roc_auc not worse than champion v1 by more than 0.01``.
 * verdict : str
 *     ``pass``, ``fail``, ``hold``: the evidence does not settle it; ``error``: code of the
 *     project raised; ``not_judged``: a comparison while there is no champion, a slice with
 *     too few rows.
 * challenger, champion : float or None
 *     The values compared; champion is None when the check does not look at it.
 * why : str
 *     One sentence, with the numbers.
 * kind : str
 *     ``floor``, ``compare``, …: the key in ``mlops.yaml``.
 * id : str
 *     Unique in the report: ``compare/roc_auc``, ``slices/accuracy/region=north``.
 * value : float or None
 *     What was judged, in the units of `limit`: a difference (positive is better for the
 *     challenger), a share, an index.
 * lower, upper : float or None
 *     Its bounds; each of the two is wrong no more often than `GateReport.level`.
 * limit : float or None
 *     What `value` must keep to.
 * side : str
 *     ``above``: `value` must be above `limit` (or at it); ``below``.
 * count : int or None
 *     Rows, or clusters of rows, behind it.
 * rows_needed : int or None
 *     Of a check that holds: rows of the same kind that would settle it, 8 times in 10.
 * p : float or None
 *     Of the test behind the verdict, adjusted for how many were made.
 * method : str
 *     How the bounds were made: ``paired t``, ``DeLong``.
 */
export interface CheckResult {
  check: string;
  verdict: 'error' | 'fail' | 'hold' | 'not_judged' | 'pass';
  challenger: number | null;
  champion: number | null;
  why: string;
  kind?: string;
  id?: string;
  value?: number | null;
  lower?: number | null;
  upper?: number | null;
  limit?: number | null;
  side?: '' | 'above' | 'below';
  count?: number | null;
  rows_needed?: number | null;
  p?: number | null;
  method?: string;
}
/**
 * A judged version that nobody has promoted yet.
 *
 * Attributes
 * ----------
 * decision : str
 *     The id of the decision that waits.
 * version : int
 * verdict : str
 *     Of its gate.
 * needed : int
 *     How many approvals it takes; 0 when none.
 * by : tuple of str
 *     Who may give them; empty: anybody.
 * approved : tuple of Approved
 *     Those given so far.
 * expires_at : str or None
 * lapsed : str or None
 *     Why it cannot be promoted any more, in words: the champion moved, it expired, a later
 *     version was judged.
 * ready : bool
 *     `mlops promote` would move the alias.
 */
export interface Waiting {
  decision: string;
  version: number;
  verdict: 'error' | 'fail' | 'hold' | 'pass';
  needed: number;
  by: string[];
  approved: Approved[];
  expires_at: string | null;
  lapsed: string | null;
  ready: boolean;
}
/**
 * One yes: who, when, and what they said.
 */
export interface Approved {
  actor: string;
  at: string;
  comment: string;
}
/**
 * What came of it: the alias was moved by a decision, or it waits and was not moved.
 */
export interface Promotion {
  decision: Decision | null;
  waiting: Waiting | null;
}
/**
 * The state of a notebook.
 *
 * Attributes
 * ----------
 * notebook : str or None
 *     Its path.
 * verdict : str
 *     That of its worst cell: not reproducible, else stale, else unknown.
 * why : str
 * basis : str
 *     ``recorded``: known from the executions of a kernel. ``file``: guessed from the numbers
 *     and outputs that the file holds.
 * cells : tuple of CellState
 * hidden : tuple of HiddenName
 * session_id : str or None
 *     The kernel.
 */
export interface NotebookState {
  notebook: string | null;
  verdict: 'not_reproducible' | 'reproducible' | 'stale' | 'unknown';
  why: string;
  basis: 'file' | 'recorded';
  cells: CellState[];
  hidden: HiddenName[];
  session_id: string | null;
}
/**
 * The state of one code cell, and why.
 *
 * Attributes
 * ----------
 * number : int
 *     1 is the first code cell.
 * cell_id : str or None
 * state : str
 *     ``unknown``: it was not executed as it is now, or a cell above it was not, and might
 *     matter. ``stale``: it, or a cell on which it stands, was edited or executed again since.
 *     ``reproducible``: running all cells from the top gives the same.
 *     ``not_reproducible``: it does not.
 * why : str
 *     For people; it goes on after ``cell 4: ``.
 */
export interface CellState {
  number: number;
  cell_id: string | null;
  state: 'not_reproducible' | 'reproducible' | 'stale' | 'unknown';
  why: string;
}
/**
 * A name that lives in the kernel, but that no cell of the notebook binds any more.
 */
export interface HiddenName {
  name: string;
  why: string;
}
/**
 * The code cells of a notebook, in order, whether they are saved or not.
 */
export interface LiveNotebook {
  cells: LiveCell[];
}
/**
 * A code cell as an editor holds it; `may_raise`: tagged ``raises-exception``.
 */
export interface LiveCell {
  id: string;
  source: string;
  may_raise: boolean;
}
/**
 * A run to begin: the parameters that differ from their defaults, as values or as text.
 *
 * `force`: steps that are known are run again, too.
 */
export interface LaunchRequest {
  parameters: {
    [k: string]: unknown;
  };
  force?: boolean;
}
/**
 * A yes to the decision with this id: the one that the person saw.
 */
export interface ApproveRequest {
  decision: string;
  comment?: string;
}
/**
 * The version of the decision with this id is to be champion.
 */
export interface PromoteRequest {
  decision: string;
}
/**
 * Back from the champion that the person saw to the version that was announced.
 */
export interface RollbackRequest {
  champion: number | null;
  to: number;
  reason?: string;
}
