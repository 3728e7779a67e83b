import React, { useLayoutEffect, useRef } from 'react';
import { StateIcon } from '../parts/icons';
import { stateLabel } from '../parts/parts';
import { between, duration, type ITranslate } from '../text';
import { asShown, type ILog } from './model';

/** Pixels from the end within which one is at the end. */
const NEAR = 40;

/**
 * The options of the log.
 */
export interface IStepLogProps {
  /** Name of the pipeline. */
  pipeline: string;

  log: ILog;

  /** Called to open the executed notebook. */
  onNotebook: () => void;

  trans: ITranslate;
}

/**
 * What the cells of a step print, as they print it.
 */
export function StepLog(props: IStepLogProps): JSX.Element {
  const { log, trans } = props;
  const { step } = log;
  const state = stateLabel(step.status, trans);
  const seconds = between(step.started_at, step.ended_at);
  const said = [
    state,
    seconds === null || step.status === 'cached'
      ? ''
      : duration(seconds, trans),
    step.cells ? trans.__('cell %1 of %2', step.cell ?? 0, step.cells) : '',
    step.why ?? ''
  ];
  return (
    <article className="jp-Mlops-details">
      <h1>
        <StateIcon state={step.status} label={state} />
        {props.pipeline}: {step.step}
      </h1>
      <p className="jp-Mlops-line">
        <span className="jp-Mlops-muted">
          {said.filter(Boolean).join(' · ')}
        </span>
        <button
          type="button"
          className="jp-Mlops-link"
          onClick={props.onNotebook}
        >
          {trans.__('Executed notebook')}
        </button>
      </p>
      {step.error && <pre className="jp-Mlops-failure">{step.error}</pre>}
      <Output log={log} trans={trans} />
    </article>
  );
}

/** The text; who has its end before their eyes keeps it there when more comes. */
function Output(props: { log: ILog; trans: ITranslate }): JSX.Element {
  const { log, trans } = props;
  const node = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (node.current && isAtEnd.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  }, [log.text]);
  if (!log.text) {
    return (
      <p className="jp-Mlops-muted">
        {log.isEnded
          ? trans.__('Its cells printed nothing, or it was not run.')
          : trans.__('Nothing is printed yet.')}
      </p>
    );
  }
  return (
    <>
      {log.isCut && (
        <p className="jp-Mlops-muted">
          {trans.__('The beginning is in the executed notebook.')}
        </p>
      )}
      <pre
        ref={node}
        className="jp-Mlops-log"
        role="log"
        aria-label={trans.__('Output')}
        tabIndex={0}
        onScroll={event => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
        }}
      >
        {asShown(log.text)}
      </pre>
    </>
  );
}
