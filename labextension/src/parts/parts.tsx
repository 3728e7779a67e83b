import React, { useEffect, useState } from 'react';
import type { IProblem } from '../live';
import { age, moment, type ITranslate } from '../text';
import type { State } from './icons';

/**
 * What the reader can do in an empty place. Text between back quotes is shown as code.
 */
export function Empty(props: { title: string; hint: string }): JSX.Element {
  return (
    <div className="jp-Mlops-empty">
      <p>{props.title}</p>
      <p className="jp-Mlops-muted">
        <WithCode text={props.hint} />
      </p>
    </div>
  );
}

/**
 * Why something could not be shown, in words.
 */
export function Problem(props: { problem: IProblem }): JSX.Element {
  return (
    <div className="jp-Mlops-problem" role="alert">
      <p>{props.problem.message}</p>
      {props.problem.hint && (
        <p className="jp-Mlops-muted">
          <WithCode text={props.problem.hint} />
        </p>
      )}
    </div>
  );
}

/**
 * A text whose parts between back quotes are code.
 */
export function WithCode(props: { text: string }): JSX.Element {
  const parts = props.text.split('`');
  return (
    <>
      {parts.map((part, i) =>
        i % 2 ? <code key={i}>{part}</code> : <span key={i}>{part}</span>
      )}
    </>
  );
}

/**
 * The newest of some things, and a button that shows the older ones too.
 *
 * @param props.shown - How many are shown at first
 * @param props.list - Draws those to show
 */
export function Folded<T>(props: {
  items: readonly T[];
  shown: number;
  list: (items: readonly T[]) => JSX.Element;
  trans: ITranslate;
}): JSX.Element {
  const { items, shown, trans } = props;
  const [isWhole, setWhole] = useState(false);
  const older = items.length - shown;
  return (
    <>
      {props.list(isWhole ? items : items.slice(0, shown))}
      {older > 0 && (
        <button
          type="button"
          className="jp-Mlops-link"
          aria-expanded={isWhole}
          onClick={() => setWhole(!isWhole)}
        >
          {isWhole
            ? trans.__('Show the newest only')
            : trans._n('Show %1 older', 'Show %1 older', older)}
        </button>
      )}
    </>
  );
}

/**
 * How long ago something was; the exact time as a tooltip.
 */
export function Age(props: {
  iso: string;
  now: number;
  trans: ITranslate;
}): JSX.Element {
  return (
    <time
      className="jp-Mlops-age"
      dateTime={props.iso}
      title={moment(props.iso)}
    >
      {age(props.iso, props.now, props.trans)}
    </time>
  );
}

/**
 * A name and its value, set small.
 */
export function Fact(props: { name: string; value: string }): JSX.Element {
  return (
    <span className="jp-Mlops-fact" title={`${props.name} = ${props.value}`}>
      <span className="jp-Mlops-muted">{props.name}</span>{' '}
      <span className="jp-Mlops-value">{props.value}</span>
    </span>
  );
}

/**
 * The time, renewed as long as the caller is on the screen.
 *
 * @param seconds - How often
 */
export function useNow(seconds: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), seconds * 1000);
    return () => window.clearInterval(timer);
  }, [seconds]);
  return now;
}

/**
 * A state in words.
 */
export function stateLabel(state: State, trans: ITranslate): string {
  switch (state) {
    case 'running':
      return trans.__('running');
    case 'finished':
      return trans.__('finished');
    case 'cached':
      return trans.__('not run again');
    case 'failed':
      return trans.__('failed');
    case 'interrupted':
      return trans.__('interrupted');
    case 'queued':
      return trans.__('queued');
    case 'undecided':
      return trans.__('undecided');
  }
}
