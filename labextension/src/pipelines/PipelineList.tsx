import React, { useState } from 'react';
import { inWords, type IProblem } from '../live';
import { Glyph, StateIcon } from '../parts/icons';
import {
  Age,
  Empty,
  Fact,
  Folded,
  Problem,
  stateLabel,
  useNow
} from '../parts/parts';
import { between, duration, parameter, type ITranslate } from '../text';
import type {
  LaunchRequest,
  PipelineForm,
  PipelineRun,
  Pipelines,
  PipelineSummary,
  StepRun
} from '../wire';
import { RunForm } from './RunForm';

/** Runs shown of each pipeline before one asks for all. */
const SHOWN = 3;

/**
 * What can be done with a pipeline.
 */
export interface IPipelineActions {
  /** Fetch what the form of its parameters needs. */
  parameters(pipeline: string): Promise<PipelineForm>;

  /** Begin a run. */
  launch(pipeline: string, request: LaunchRequest): Promise<void>;

  /** Stop a run. */
  cancel(id: string): Promise<void>;

  /** Open the Run that a pipeline run recorded. */
  openRun(id: string, name: string): void;

  /** Open what a step prints. */
  openStep(run: PipelineRun, step: string): void;

  /** Open a picture of the steps. */
  openPicture(pipeline: string): void;
}

/**
 * The options of the list.
 */
export interface IPipelineListProps {
  /** The pipelines to show. */
  answer: Pipelines;

  actions: IPipelineActions;

  trans: ITranslate;
}

/**
 * Pipelines and their last runs, step by step.
 */
export function PipelineList(props: IPipelineListProps): JSX.Element {
  const { answer, trans } = props;
  const isRunning = answer.pipelines.some(pipeline =>
    pipeline.runs.some(run => run.status === 'running')
  );
  const now = useNow(isRunning ? 1 : 5);
  if (answer.pipelines.length === 0) {
    return (
      <Empty
        title={trans.__('No pipelines yet.')}
        hint={trans.__(
          'Tag the cells of a notebook with `step:NAME`, then run `mlops pipeline build NOTEBOOK` in a terminal.'
        )}
      />
    );
  }
  return (
    <>
      {answer.pipelines.map(pipeline => (
        <Group
          key={pipeline.name}
          pipeline={pipeline}
          now={now}
          actions={props.actions}
          trans={trans}
        />
      ))}
    </>
  );
}

interface IPartProps {
  now: number;
  actions: IPipelineActions;
  trans: ITranslate;
}

function Group(props: IPartProps & { pipeline: PipelineSummary }): JSX.Element {
  const { actions, pipeline, trans } = props;
  const { name } = pipeline;
  const [isOpen, setOpen] = useState(false);
  return (
    <section className="jp-Mlops-group" aria-label={name}>
      <Heading {...props} isOpen={isOpen} onToggle={() => setOpen(!isOpen)} />
      {isOpen && (
        <RunForm
          load={() => actions.parameters(name)}
          launch={request => actions.launch(name, request)}
          onClose={() => setOpen(false)}
          trans={trans}
        />
      )}
      {pipeline.runs.length === 0 && (
        <Empty
          title={trans.__('Never run.')}
          hint={trans.__(
            'Run it by the button above, or with `mlops pipeline run %1` in a terminal.',
            name
          )}
        />
      )}
      <Folded
        items={pipeline.runs}
        shown={SHOWN}
        list={shown => (
          <ul className="jp-Mlops-list">
            {shown.map(run => (
              <li key={run.id}>
                <Execution {...props} run={run} />
              </li>
            ))}
          </ul>
        )}
        trans={trans}
      />
    </section>
  );
}

/** The name of a pipeline, and what can be done with it. */
function Heading(
  props: IPartProps & {
    pipeline: PipelineSummary;
    isOpen: boolean;
    onToggle: () => void;
  }
): JSX.Element {
  const { actions, pipeline, trans } = props;
  const { name } = pipeline;
  return (
    <h3 className="jp-Mlops-line">
      <span className="jp-Mlops-name" title={name}>
        {name}
      </span>
      <span className="jp-Mlops-muted jp-Mlops-cut" title={pipeline.notebook}>
        {pipeline.notebook}
      </span>
      <button
        type="button"
        className="jp-Mlops-icon"
        title={trans.__('Show the steps of %1 as a picture', name)}
        aria-label={trans.__('Show the steps of %1 as a picture', name)}
        onClick={() => actions.openPicture(name)}
      >
        <Glyph name="picture" />
      </button>
      <button
        type="button"
        className="jp-Mlops-icon"
        title={trans.__('Run %1 …', name)}
        aria-label={trans.__('Run %1 …', name)}
        aria-expanded={props.isOpen}
        onClick={props.onToggle}
      >
        <Glyph name="run" />
      </button>
    </h3>
  );
}

function Execution(props: IPartProps & { run: PipelineRun }): JSX.Element {
  const { actions, run, trans } = props;
  const isRunning = run.status === 'running';
  const failed = run.steps.find(step => step.error);
  return (
    <div className="jp-Mlops-execution">
      <div className="jp-Mlops-line">
        <Summary {...props} />
        {isRunning && (
          <Cancel stop={() => actions.cancel(run.id)} trans={trans} />
        )}
      </div>
      <ol
        className={`jp-Mlops-steps ${isRunning ? 'jp-mod-running' : ''}`}
        aria-label={trans.__('Steps')}
      >
        {run.steps.map(step => (
          <Step
            key={step.step}
            step={step}
            isRunning={isRunning}
            now={props.now}
            onOpen={() => actions.openStep(run, step.step)}
            trans={trans}
          />
        ))}
      </ol>
      {failed && (
        <p className="jp-Mlops-error" title={failed.error ?? ''}>
          {failed.step}: {failed.error}
        </p>
      )}
    </div>
  );
}

/** The line of a run, which opens what it recorded. */
function Summary(props: IPartProps & { run: PipelineRun }): JSX.Element {
  const { actions, run, trans } = props;
  const { run_id } = run;
  const seconds = between(run.started_at, run.ended_at);
  return (
    <button
      type="button"
      className="jp-Mlops-row"
      disabled={run_id === null}
      onClick={() => run_id !== null && actions.openRun(run_id, run.pipeline)}
    >
      <span className="jp-Mlops-line">
        <StateIcon state={run.status} label={stateLabel(run.status, trans)} />
        <span className="jp-Mlops-name jp-mod-plain">
          {Object.entries(run.parameters).map(([name, value]) => (
            <Fact key={name} name={name} value={parameter(value)} />
          ))}
          <span className="jp-Mlops-muted">
            {seconds === null
              ? stateLabel(run.status, trans)
              : duration(seconds, trans)}
          </span>
        </span>
        <Age iso={run.started_at} now={props.now} trans={trans} />
      </span>
    </button>
  );
}

function Cancel(props: {
  stop: () => Promise<void>;
  trans: ITranslate;
}): JSX.Element {
  const { stop, trans } = props;
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<IProblem | null>(null);
  const cancel = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await stop();
    } catch (error) {
      setProblem(inWords(error));
    }
    setBusy(false);
  };
  return (
    <>
      <button
        type="button"
        className="jp-Mlops-icon"
        title={trans.__('Stop this run')}
        aria-label={trans.__('Stop this run')}
        disabled={isBusy}
        onClick={() => void cancel()}
      >
        <Glyph name="stop" />
      </button>
      {problem && <Problem problem={problem} />}
    </>
  );
}

function Step(props: {
  step: StepRun;
  isRunning: boolean;
  now: number;
  onOpen: () => void;
  trans: ITranslate;
}): JSX.Element {
  const { step, trans } = props;
  const state = stateLabel(step.status, trans);
  const isNow = step.status === 'running';
  const end = isNow ? new Date(props.now).toISOString() : step.ended_at;
  const seconds = between(step.started_at, end);
  const took = seconds === null ? '' : duration(Math.max(seconds, 0), trans);
  const said = [state, step.status === 'cached' ? '' : took, step.why ?? ''];
  return (
    <li className={`jp-Mlops-step jp-mod-${step.status}`}>
      <StateIcon state={step.status} label={state} />
      <button
        type="button"
        className="jp-Mlops-stepName"
        title={`${step.step}: ${said.filter(Boolean).join(', ')}`}
        disabled={step.status === 'queued'}
        onClick={props.onOpen}
      >
        {step.step}
      </button>
      {props.isRunning && (
        <>
          {isNow && <CellBar step={step} trans={trans} />}
          <span className="jp-Mlops-muted jp-Mlops-took">
            {step.status === 'cached' ? state : took}
          </span>
        </>
      )}
    </li>
  );
}

/** How far a running step is. */
function CellBar(props: { step: StepRun; trans: ITranslate }): JSX.Element {
  const { cell, cells } = props.step;
  if (!cells || cell === null || cell === undefined) {
    return <span className="jp-Mlops-muted">{props.trans.__('starting')}</span>;
  }
  const words = props.trans.__('cell %1 of %2', cell, cells);
  return (
    <>
      <progress
        className="jp-Mlops-bar"
        max={cells}
        value={Math.max(cell - 1, 0)}
        aria-label={words}
        title={words}
      />
      <span className="jp-Mlops-muted">
        {cell}/{cells}
      </span>
    </>
  );
}
