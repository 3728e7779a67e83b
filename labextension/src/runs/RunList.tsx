import React from 'react';
import { Glyph, StateIcon } from '../parts/icons';
import { Age, Empty, Fact, stateLabel, useNow } from '../parts/parts';
import { count, metric, parameter, type ITranslate } from '../text';
import type { Run, RunPage } from '../wire';

/**
 * The options of the list.
 */
export interface IRunListProps {
  /** The runs to show, newest first. */
  page: RunPage;

  /** How many runs are newer than these. */
  offset: number;

  /** Called to open a run. */
  onOpen: (run: Run) => void;

  /** Called to turn to newer runs. */
  onNewer: () => void;

  /** Called to turn to older runs. */
  onOlder: () => void;

  trans: ITranslate;
}

/**
 * Runs, newest first, with what one compares at a glance.
 */
export function RunList(props: IRunListProps): JSX.Element {
  const { page, trans } = props;
  const now = useNow(5);
  if (page.total === 0) {
    return (
      <Empty
        title={trans.__('No runs yet.')}
        hint={trans.__(
          'Put `%1` on top of a cell and execute it.',
          '%%track NAME'
        )}
      />
    );
  }
  return (
    <>
      <ul className="jp-Mlops-list" aria-label={trans.__('Runs')}>
        {page.runs.map(run => (
          <li key={run.id}>
            <Row run={run} now={now} onOpen={props.onOpen} trans={trans} />
          </li>
        ))}
      </ul>
      {page.total > page.runs.length && <Pages {...props} />}
    </>
  );
}

function Row(props: {
  run: Run;
  now: number;
  onOpen: (run: Run) => void;
  trans: ITranslate;
}): JSX.Element {
  const { run, trans } = props;
  const metrics = Object.entries(run.metrics);
  const parameters = Object.entries(run.parameters);
  return (
    <button
      type="button"
      className="jp-Mlops-row"
      onClick={() => props.onOpen(run)}
    >
      <span className="jp-Mlops-line">
        <StateIcon state={run.status} label={stateLabel(run.status, trans)} />
        <span className="jp-Mlops-name" title={run.name}>
          {run.name}
        </span>
        <Age iso={run.started_at} now={props.now} trans={trans} />
      </span>
      {run.error && (
        <span className="jp-Mlops-error" title={run.error}>
          {run.error}
        </span>
      )}
      {metrics.length > 0 && (
        <span className="jp-Mlops-facts">
          {metrics.map(([name, value]) => (
            <Fact key={name} name={name} value={metric(value)} />
          ))}
        </span>
      )}
      {(parameters.length > 0 || run.data.length > 0) && (
        <span className="jp-Mlops-facts jp-mod-minor">
          {run.data.map(version => (
            <span key={version} className="jp-Mlops-tag">
              {version}
            </span>
          ))}
          {parameters.map(([name, value]) => (
            <Fact key={name} name={name} value={parameter(value)} />
          ))}
        </span>
      )}
    </button>
  );
}

function Pages(props: IRunListProps): JSX.Element {
  const { page, offset, trans } = props;
  const last = offset + page.runs.length;
  return (
    <nav className="jp-Mlops-pages" aria-label={trans.__('Pages of runs')}>
      <button
        type="button"
        className="jp-Mlops-icon"
        aria-label={trans.__('Newer runs')}
        title={trans.__('Newer runs')}
        disabled={offset === 0}
        onClick={props.onNewer}
      >
        <Glyph name="back" />
      </button>
      <span>
        {trans.__(
          '%1–%2 of %3',
          count(Math.min(offset + 1, last)),
          count(last),
          count(page.total)
        )}
      </span>
      <button
        type="button"
        className="jp-Mlops-icon"
        aria-label={trans.__('Older runs')}
        title={trans.__('Older runs')}
        disabled={last >= page.total}
        onClick={props.onOlder}
      >
        <Glyph name="forward" />
      </button>
    </nav>
  );
}
