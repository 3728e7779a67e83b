import React from 'react';
import { StateIcon } from '../parts/icons';
import { Age, Empty, Fact, Folded, stateLabel, useNow } from '../parts/parts';
import { between, duration, parameter, type ITranslate } from '../text';
import type { PipelineRun, Pipelines, PipelineSummary, StepRun } from '../wire';

/** Runs shown of each pipeline before one asks for all. */
const SHOWN = 3;

/**
 * The options of the list.
 */
export interface IPipelineListProps {
  /** The pipelines to show. */
  answer: Pipelines;

  /** Called to open the Run that a pipeline run recorded. */
  onOpen: (id: string, name: string) => void;

  trans: ITranslate;
}

/**
 * Pipelines and their last runs, step by step.
 */
export function PipelineList(props: IPipelineListProps): JSX.Element {
  const { answer, trans } = props;
  const now = useNow(5);
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
          onOpen={props.onOpen}
          trans={trans}
        />
      ))}
    </>
  );
}

function Group(props: {
  pipeline: PipelineSummary;
  now: number;
  onOpen: (id: string, name: string) => void;
  trans: ITranslate;
}): JSX.Element {
  const { pipeline, trans } = props;
  return (
    <section className="jp-Mlops-group" aria-label={pipeline.name}>
      <h3 className="jp-Mlops-line">
        <span className="jp-Mlops-name" title={pipeline.name}>
          {pipeline.name}
        </span>
        <span className="jp-Mlops-muted jp-Mlops-cut" title={pipeline.notebook}>
          {pipeline.notebook}
        </span>
      </h3>
      {pipeline.runs.length === 0 && (
        <Empty
          title={trans.__('Never run.')}
          hint={trans.__(
            'Run it with `mlops pipeline run %1` in a terminal.',
            pipeline.name
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

function Execution(props: {
  run: PipelineRun;
  now: number;
  onOpen: (id: string, name: string) => void;
  trans: ITranslate;
}): JSX.Element {
  const { run, trans } = props;
  const { run_id } = run;
  const seconds = between(run.started_at, run.ended_at);
  const failed = run.steps.find(step => step.error);
  return (
    <div className="jp-Mlops-execution">
      <button
        type="button"
        className="jp-Mlops-row"
        disabled={run_id === null}
        onClick={() => run_id !== null && props.onOpen(run_id, run.pipeline)}
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
      <ol className="jp-Mlops-steps" aria-label={trans.__('Steps')}>
        {run.steps.map(step => (
          <Step key={step.step} step={step} trans={trans} />
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

function Step(props: { step: StepRun; trans: ITranslate }): JSX.Element {
  const { step, trans } = props;
  const seconds = between(step.started_at, step.ended_at);
  const state = stateLabel(step.status, trans);
  return (
    <li
      className={`jp-Mlops-step jp-mod-${step.status}`}
      title={
        seconds === null
          ? `${step.step}: ${state}`
          : `${step.step}: ${state}, ${duration(seconds, trans)}`
      }
    >
      <StateIcon state={step.status} label={state} />
      {step.step}
    </li>
  );
}
