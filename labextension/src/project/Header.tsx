import React from 'react';
import type { IProblem } from '../live';
import { Glyph } from '../parts/icons';
import { Empty, Problem } from '../parts/parts';
import type { ITranslate } from '../text';
import type { ProjectInfo } from '../wire';

/**
 * The options of the header.
 */
export interface IHeaderProps {
  /** What is known of the project; null before the first answer. */
  info: ProjectInfo | null;

  /** Why the project could not be read. */
  problem: IProblem | null;

  /** Called to look at everything again. */
  onRefresh: () => void;

  trans: ITranslate;
}

/**
 * Which project the panel shows, and how far MLflow is behind.
 */
export function Header(props: IHeaderProps): JSX.Element {
  const { info, problem, trans } = props;
  return (
    <>
      <div className="jp-Mlops-line">
        <span className="jp-Mlops-title" title={info?.root ?? ''}>
          {info?.name ?? trans.__('MLOps')}
        </span>
        <button
          type="button"
          className="jp-Mlops-icon"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={props.onRefresh}
        >
          <Glyph name="refresh" />
        </button>
      </div>
      {info && info.waiting > 0 && <Waiting info={info} trans={trans} />}
      {problem && <Problem problem={problem} />}
      {!problem && info && !info.name && (
        <Empty
          title={trans.__('No project here.')}
          hint={info.hint ?? trans.__('Run `mlops init` in a terminal.')}
        />
      )}
    </>
  );
}

function Waiting(props: { info: ProjectInfo; trans: ITranslate }): JSX.Element {
  const { waiting, mirror_error } = props.info;
  const { trans } = props;
  return (
    <>
      <div
        className={`jp-Mlops-mirror ${mirror_error ? 'jp-mod-error' : 'jp-mod-waiting'}`}
        title={mirror_error ?? trans.__('Copied to MLflow in the background')}
      >
        {trans._n(
          '%1 run on its way to MLflow',
          '%1 runs on their way to MLflow',
          waiting
        )}
      </div>
      {mirror_error && (
        <div className="jp-Mlops-reason" role="status">
          {mirror_error}
        </div>
      )}
    </>
  );
}
