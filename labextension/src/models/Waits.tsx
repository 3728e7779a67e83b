import React from 'react';
import { moment, type ITranslate } from '../text';
import type { ModelSummary, Waiting } from '../wire';
import type { Deed } from './deed';
import { WithCode } from '../parts/parts';

/**
 * A judged version that waits for somebody, and what can be done about it.
 */
export function Waits(props: {
  model: ModelSummary;
  waiting: Waiting;
  onAsk: (deed: Deed) => void;
  trans: ITranslate;
}): JSX.Element {
  const { model, waiting, onAsk, trans } = props;
  const { approved, expires_at, lapsed } = waiting;
  const isShort = approved.length < waiting.needed;
  return (
    <div
      className={`jp-Mlops-waits ${lapsed ? 'jp-mod-lapsed' : ''}`}
      role="group"
      aria-label={trans.__('v%1 waits', waiting.version)}
    >
      <p>
        <WithCode text={inWords(model.name, waiting, trans)} />
      </p>
      {approved.map(({ actor, at, comment }) => (
        <p key={`${actor} ${at}`} className="jp-Mlops-muted" title={moment(at)}>
          {comment
            ? trans.__('Approved by %1: %2', actor, comment)
            : trans.__('Approved by %1', actor)}
        </p>
      ))}
      {!lapsed && expires_at && (
        <p className="jp-Mlops-muted">
          {trans.__('until %1', moment(expires_at))}
        </p>
      )}
      {!lapsed && (isShort || waiting.ready) && (
        <div className="jp-Mlops-line">
          {isShort && (
            <button
              type="button"
              className="jp-Mlops-button"
              onClick={() => onAsk('approve')}
            >
              {trans.__('Approve…')}
            </button>
          )}
          {waiting.ready && (
            <button
              type="button"
              className="jp-Mlops-button jp-mod-accept"
              onClick={() => onAsk('promote')}
            >
              {trans.__('Promote…')}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function inWords(model: string, waiting: Waiting, trans: ITranslate): string {
  const { approved, by, lapsed, needed, version } = waiting;
  const judged =
    waiting.verdict === 'pass'
      ? trans.__('v%1 passed its gate', version)
      : waiting.verdict === 'hold'
        ? trans.__('v%1 is undecided', version)
        : trans.__('v%1 did not pass its gate', version);
  if (lapsed) {
    return trans.__('%1, but cannot be promoted any more: %2', judged, lapsed);
  }
  const missing = needed - approved.length;
  if (missing > 0) {
    const waits = trans._n(
      '%2, and waits for %1 approval',
      '%2, and waits for %1 approvals',
      missing,
      judged
    );
    return by.length > 0
      ? trans.__('%1 by %2.', waits, by.join(trans.__(' or ')))
      : `${waits}.`;
  }
  if (waiting.ready) {
    return trans.__('%1, and can be promoted.', judged);
  }
  return trans.__(
    '%1. Only `mlops promote %2 --override REASON` in a terminal promotes it.',
    judged,
    model
  );
}
