import React, { useState } from 'react';
import { Glyph } from '../parts/icons';
import { Empty, useNow } from '../parts/parts';
import { moment, type ITranslate } from '../text';
import type { Models, ModelSummary } from '../wire';
import { DecideDialog, type IDeeds } from './DecideDialog';
import type { Deed } from './deed';
import { Decisions } from './Decisions';
import { GateCard } from './GateCard';
import { Waits } from './Waits';

/**
 * The options of the list.
 */
export interface IModelListProps {
  /** The models to show. */
  answer: Models;

  /** What can be decided. */
  deeds: IDeeds;

  /** Called to open the run that made a version. */
  onOpen: (id: string, name: string) => void;

  trans: ITranslate;
}

/**
 * Models: champion, versions, what waits for somebody, the last gate report, the decisions.
 */
export function ModelList(props: IModelListProps): JSX.Element {
  const { answer, trans } = props;
  const now = useNow(30);
  if (answer.models.length === 0) {
    return (
      <Empty
        title={trans.__('No models yet.')}
        hint={trans.__(
          'Declare one under `models:` in `mlops.yaml`, then run `mlops release NAME` in a terminal.'
        )}
      />
    );
  }
  return (
    <>
      {answer.models.map(model => (
        <Group key={model.name} {...props} model={model} now={now} />
      ))}
    </>
  );
}

interface IGroupProps extends IModelListProps {
  model: ModelSummary;
  now: number;
}

function Group(props: IGroupProps): JSX.Element {
  const { model, now, trans } = props;
  const judged = model.decisions.find(decision => decision.report);
  const [asked, setAsked] = useState<[Deed, ModelSummary] | null>(null);
  // what the reader sees when they ask is what they decide on, whatever comes meanwhile
  const ask = (deed: Deed) => setAsked([deed, model]);
  return (
    <section className="jp-Mlops-group" aria-label={model.name}>
      <Heading model={model} onAsk={ask} trans={trans} />
      {model.versions.length === 0 && (
        <Empty
          title={trans.__('Never released.')}
          hint={trans.__(
            'Train, judge and promote it with `mlops release %1`.',
            model.name
          )}
        />
      )}
      <Versions {...props} />
      {model.waiting && (
        <Waits
          model={model}
          waiting={model.waiting}
          onAsk={ask}
          trans={trans}
        />
      )}
      {judged?.report && <GateCard report={judged.report} trans={trans} />}
      <Decisions decisions={model.decisions} now={now} trans={trans} />
      {asked && (
        <DecideDialog
          deed={asked[0]}
          model={asked[1]}
          deeds={props.deeds}
          onClose={() => setAsked(null)}
          trans={trans}
        />
      )}
    </section>
  );
}

/** The name of a model, its champion, and the way back. */
function Heading(props: {
  model: ModelSummary;
  onAsk: (deed: Deed) => void;
  trans: ITranslate;
}): JSX.Element {
  const { model, onAsk, trans } = props;
  const back = model.rollback_to ?? null;
  const label = trans.__('Roll %1 back to v%2 …', model.name, back);
  return (
    <h3 className="jp-Mlops-line">
      <span className="jp-Mlops-name" title={model.name}>
        {model.name}
      </span>
      <span className="jp-Mlops-muted">
        {model.champion === null
          ? trans.__('no champion')
          : trans.__('champion v%1', model.champion)}
      </span>
      {back !== null && (
        <button
          type="button"
          className="jp-Mlops-icon"
          title={label}
          aria-label={label}
          onClick={() => onAsk('rollback')}
        >
          <Glyph name="rollback" />
        </button>
      )}
    </h3>
  );
}

function Versions(props: {
  model: ModelSummary;
  onOpen: (id: string, name: string) => void;
  trans: ITranslate;
}): JSX.Element {
  const { model, trans } = props;
  return (
    <ul className="jp-Mlops-versions" aria-label={trans.__('Versions')}>
      {model.versions.map(version => {
        const isChampion = version.version === model.champion;
        const name = trans.__('v%1', version.version);
        return (
          <li key={version.version}>
            <button
              type="button"
              className={`jp-Mlops-version${isChampion ? ' jp-mod-champion' : ''}`}
              aria-label={
                isChampion
                  ? trans.__('%1, champion: open its run', name)
                  : trans.__('%1: open its run', name)
              }
              title={trans.__(
                '%1, registered %2. Opens its run.',
                name,
                moment(version.registered_at)
              )}
              onClick={() => props.onOpen(version.run_id, model.name)}
            >
              {name}
            </button>
          </li>
        );
      })}
    </ul>
  );
}
