import React from 'react';
import { Glyph } from '../parts/icons';
import { Age, Folded } from '../parts/parts';
import { short, type ITranslate } from '../text';
import type { Decision } from '../wire';

/** Decisions shown of each model before one asks for all. */
const SHOWN = 4;

/**
 * What was decided on a model, newest first.
 */
export function Decisions(props: {
  decisions: Decision[];
  now: number;
  trans: ITranslate;
}): JSX.Element | null {
  const { decisions, now, trans } = props;
  if (decisions.length === 0) {
    return null;
  }
  return (
    <Folded
      items={decisions}
      shown={SHOWN}
      list={shown => (
        <ol className="jp-Mlops-decisions" aria-label={trans.__('Decisions')}>
          {shown.map(decision => (
            <li
              key={decision.id}
              className={`jp-mod-${decision.kind} jp-mod-${decision.state}`}
              title={evidence(decision, trans)}
            >
              <Glyph name={decision.kind} />
              <Entry
                decision={decision}
                all={decisions}
                now={now}
                trans={trans}
              />
            </li>
          ))}
        </ol>
      )}
      trans={trans}
    />
  );
}

function Entry(props: {
  decision: Decision;
  all: Decision[];
  now: number;
  trans: ITranslate;
}): JSX.Element {
  const { decision, all, trans } = props;
  const judged = all.find(other => other.id === decision.judged);
  // the reason of a promotion names them already, that of an override does not
  const who = approvalsOf(decision, all)
    .map(approval => approval.actor)
    .filter(actor => !decision.reason.includes(actor));
  return (
    <span className="jp-Mlops-decision">
      <span className="jp-Mlops-line">
        <span className="jp-Mlops-name jp-mod-plain">
          {inWords(decision, trans)}
        </span>
        <Age iso={decision.decided_at} now={props.now} trans={trans} />
      </span>
      {decision.override && (
        <span className="jp-Mlops-override">
          {judged?.kind === 'pass'
            ? trans.__('Overridden: it was not approved')
            : trans.__('Overridden: the gate had not passed')}
        </span>
      )}
      <span className="jp-Mlops-muted">
        {decision.reason
          ? trans.__('%1: %2', decision.actor, decision.reason)
          : decision.actor}
      </span>
      {who.length > 0 && (
        <span className="jp-Mlops-muted">
          {trans.__('approved by %1', [...new Set(who)].join(', '))}
        </span>
      )}
    </span>
  );
}

/** Return the approvals on which a promotion stands. */
function approvalsOf(decision: Decision, all: Decision[]): Decision[] {
  const { judged, kind } = decision;
  return kind === 'promote' && judged
    ? all.filter(other => other.kind === 'approve' && other.judged === judged)
    : [];
}

function evidence(decision: Decision, trans: ITranslate): string {
  const { digest, number } = decision;
  return [
    number ? trans.__('decision %1', number) : '',
    digest ? trans.__('digest %1', short(digest)) : ''
  ]
    .filter(Boolean)
    .join(' · ');
}

function inWords(decision: Decision, trans: ITranslate): string {
  const to = decision.to_version;
  if (decision.state === 'void') {
    return trans.__('Void: v%1 was not promoted', to);
  }
  const isMoving = decision.state === 'intended';
  switch (decision.kind) {
    case 'promote':
      return isMoving
        ? trans.__('Promoting v%1', to)
        : trans.__('Promoted v%1', to);
    case 'rollback':
      return isMoving
        ? trans.__('Rolling back to v%1', to)
        : trans.__('Rolled back to v%1', to);
    case 'pass':
      return trans.__('Passed: v%1', to);
    case 'hold':
      return trans.__('Undecided: v%1', to);
    case 'approve':
      return trans.__('Approved v%1', to);
    case 'reject':
      return trans.__('Refused v%1', to);
  }
}
