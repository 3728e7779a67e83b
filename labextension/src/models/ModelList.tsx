import React from 'react';
import { Glyph, type State, StateIcon } from '../parts/icons';
import { Age, Empty, Folded, useNow } from '../parts/parts';
import { count, metric, moment, type ITranslate } from '../text';
import type {
  CheckResult,
  Decision,
  GateReport,
  Models,
  ModelSummary
} from '../wire';

/** Decisions shown of each model before one asks for all. */
const SHOWN = 4;

/**
 * The options of the list.
 */
export interface IModelListProps {
  /** The models to show. */
  answer: Models;

  /** Called to open the run that made a version. */
  onOpen: (id: string, name: string) => void;

  trans: ITranslate;
}

/**
 * Models: champion, versions, the last gate report, the decisions.
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
        <Group
          key={model.name}
          model={model}
          now={now}
          onOpen={props.onOpen}
          trans={trans}
        />
      ))}
    </>
  );
}

function Group(props: {
  model: ModelSummary;
  now: number;
  onOpen: (id: string, name: string) => void;
  trans: ITranslate;
}): JSX.Element {
  const { model, now, trans } = props;
  const judged = model.decisions.find(decision => decision.report);
  return (
    <section className="jp-Mlops-group" aria-label={model.name}>
      <h3 className="jp-Mlops-line">
        <span className="jp-Mlops-name" title={model.name}>
          {model.name}
        </span>
        <span className="jp-Mlops-muted">
          {model.champion === null
            ? trans.__('no champion')
            : trans.__('champion v%1', model.champion)}
        </span>
      </h3>
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
      {judged?.report && <Report report={judged.report} trans={trans} />}
      <Decisions decisions={model.decisions} now={now} trans={trans} />
    </section>
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

/**
 * A gate report as a table: what was asked, the two values, the verdict and why.
 */
function Report(props: { report: GateReport; trans: ITranslate }): JSX.Element {
  const { report, trans } = props;
  const [, said] = verdict(report.verdict, trans);
  return (
    <div className="jp-Mlops-report">
      <div className="jp-Mlops-line">
        <span className={`jp-Mlops-verdict jp-mod-${report.verdict}`}>
          {said}
        </span>
        <span className="jp-Mlops-name">
          {report.champion === null
            ? trans.__('v%1, the first', report.challenger)
            : trans.__('v%1 against v%2', report.challenger, report.champion)}
        </span>
      </div>
      <div className="jp-Mlops-muted jp-Mlops-on">
        {trans.__('on %1, %2 rows', report.data, count(report.row_count))}
        {report.left_out > 0 &&
          trans.__('; %1 without a label', count(report.left_out))}
      </div>
      <table
        className="jp-Mlops-table"
        aria-label={trans.__('Last gate report')}
      >
        <thead>
          <tr>
            <th scope="col">{trans.__('Check')}</th>
            {report.champion !== null && (
              <th scope="col" className="jp-mod-number">
                {trans.__('v%1', report.champion)}
              </th>
            )}
            <th scope="col" className="jp-mod-number">
              {trans.__('v%1', report.challenger)}
            </th>
          </tr>
        </thead>
        {report.checks.map((check, i) => (
          <Check
            key={i}
            check={check}
            isCompared={report.champion !== null}
            trans={trans}
          />
        ))}
      </table>
    </div>
  );
}

function Check(props: {
  check: CheckResult;
  isCompared: boolean;
  trans: ITranslate;
}): JSX.Element {
  const { check, isCompared, trans } = props;
  const [state, label] = verdict(check.verdict, trans);
  return (
    <tbody className={`jp-mod-${check.verdict}`}>
      <tr>
        <th scope="row">
          <StateIcon state={state} label={label} />
          <span>{check.check}</span>
        </th>
        {isCompared && <Value value={check.champion} />}
        <Value value={check.challenger} />
      </tr>
      {check.why && (
        <tr className="jp-Mlops-why">
          <td colSpan={isCompared ? 3 : 2}>{check.why}</td>
        </tr>
      )}
    </tbody>
  );
}

function Value(props: { value: number | null }): JSX.Element {
  const { value } = props;
  return (
    <td className="jp-mod-number" title={value === null ? '' : String(value)}>
      {value === null ? '–' : metric(value)}
    </td>
  );
}

function verdict(
  given: CheckResult['verdict'],
  trans: ITranslate
): [State, string] {
  switch (given) {
    case 'pass':
      return ['finished', trans.__('passed')];
    case 'fail':
      return ['failed', trans.__('failed')];
    case 'hold':
      return ['interrupted', trans.__('undecided')];
    case 'error':
      return ['failed', trans.__('could not be judged')];
    case 'not_judged':
      return ['queued', trans.__('not judged')];
  }
}

function Decisions(props: {
  decisions: Decision[];
  now: number;
  trans: ITranslate;
}): JSX.Element | null {
  const { decisions, trans } = props;
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
            <li key={decision.id} className={`jp-mod-${decision.state}`}>
              <Glyph name={decision.kind} />
              <span className="jp-Mlops-decision">
                <span className="jp-Mlops-line">
                  <span className="jp-Mlops-name jp-mod-plain">
                    {inWords(decision, trans)}
                  </span>
                  <Age
                    iso={decision.decided_at}
                    now={props.now}
                    trans={trans}
                  />
                </span>
                <span className="jp-Mlops-muted">
                  {trans.__('%1: %2', decision.actor, decision.reason)}
                </span>
              </span>
            </li>
          ))}
        </ol>
      )}
      trans={trans}
    />
  );
}

function inWords(decision: Decision, trans: ITranslate): string {
  if (decision.state === 'void') {
    return trans.__('Void: v%1 was not promoted', decision.to_version);
  }
  switch (decision.kind) {
    case 'promote':
      return decision.state === 'intended'
        ? trans.__('Promoting v%1', decision.to_version)
        : trans.__('Promoted v%1', decision.to_version);
    case 'pass':
      return trans.__('Passed: v%1', decision.to_version);
    case 'hold':
      return trans.__('Undecided: v%1', decision.to_version);
    case 'approve':
      return trans.__('Approved v%1', decision.to_version);
    case 'reject':
      return trans.__('Refused v%1', decision.to_version);
    case 'rollback':
      return trans.__('Rolled back to v%1', decision.to_version);
  }
}
