import React, { useState } from 'react';
import { StateIcon } from '../parts/icons';
import { brief, count, metric, type ITranslate } from '../text';
import type { CheckResult, GateReport } from '../wire';
import { inWords as interval, Interval, isDrawn, valueOf } from './Interval';
import { inWords, signOf, tally, worstFirst } from './verdict';

/** Checks of one kind that passed: as many as this are shown at once, more are folded. */
const FEW = 3;

/** Checks that did not pass, of which there may be one for each slice. */
const MANY = 8;

/**
 * A gate report as a card: the verdict, then one line for each check, worst first.
 */
export function GateCard(props: {
  report: GateReport;
  trans: ITranslate;
}): JSX.Element {
  const { report, trans } = props;
  const [shown, folded] = split(worstFirst(report.checks));
  const [isWhole, setWhole] = useState(false);
  return (
    <div className="jp-Mlops-report">
      <Heading report={report} trans={trans} />
      <ol className="jp-Mlops-checks" aria-label={trans.__('Last gate report')}>
        {(isWhole ? [...shown, ...folded] : shown).map((check, i) => (
          <Check
            key={check.id || i}
            check={check}
            report={report}
            trans={trans}
          />
        ))}
      </ol>
      {folded.length > 0 && (
        <button
          type="button"
          className="jp-Mlops-link"
          aria-expanded={isWhole}
          onClick={() => setWhole(!isWhole)}
        >
          {isWhole
            ? trans.__('Show fewer checks')
            : trans.__('Show more checks: %1', tally(folded, trans))}
        </button>
      )}
    </div>
  );
}

/** Return the checks that are shown at once, and those that one must ask for. */
function split(checks: CheckResult[]): [CheckResult[], CheckResult[]] {
  const isFine = ({ verdict }: CheckResult) =>
    verdict === 'pass' || verdict === 'not_judged';
  const parts = checks.filter(check => isFine(check) && isPart(check));
  const bad = checks.filter(check => !isFine(check));
  const folded = new Set([
    ...bad.slice(MANY),
    ...parts.filter(
      ({ kind }) => parts.filter(part => part.kind === kind).length > FEW
    )
  ]);
  return [
    checks.filter(check => !folded.has(check)),
    checks.filter(check => folded.has(check))
  ];
}

/** Whether a check is of one slice or column; a line about all of them stands above. */
function isPart(check: CheckResult): boolean {
  return (check.id ?? '').split('/').length > 2;
}

function Heading(props: {
  report: GateReport;
  trans: ITranslate;
}): JSX.Element {
  const { report, trans } = props;
  const { verdict, looks, clusters } = report;
  const label = inWords(verdict, trans);
  const about = [
    trans.__('on %1, %2 rows', report.data, count(report.row_count)),
    report.left_out > 0
      ? trans.__('%1 without a label', count(report.left_out))
      : '',
    clusters ? trans.__('in %1 groups', count(clusters)) : '',
    looks && looks > 1 ? trans.__('candidate %1 on these rows', looks) : ''
  ];
  return (
    <>
      <div className="jp-Mlops-line jp-Mlops-reportHead">
        <span className={`jp-Mlops-verdict jp-mod-${verdict}`}>
          <StateIcon state={signOf(verdict)} label="" />
          {label}
        </span>
        <span className="jp-Mlops-name">
          {report.champion === null
            ? trans.__('v%1, the first', report.challenger)
            : trans.__('v%1 against v%2', report.challenger, report.champion)}
        </span>
      </div>
      <div className="jp-Mlops-muted jp-Mlops-on">
        <div>{tally(report.checks, trans)}</div>
        <div>{about.filter(Boolean).join('; ')}</div>
      </div>
      <Warnings report={report} trans={trans} />
    </>
  );
}

function Warnings(props: {
  report: GateReport;
  trans: ITranslate;
}): JSX.Element | null {
  const { report, trans } = props;
  const warnings = [...(report.warnings ?? [])];
  if (report.bootstrap && warnings.length === 0) {
    warnings.push(
      trans.__('There was no champion: only absolute checks were made.')
    );
  }
  if (warnings.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Mlops-warnings" aria-label={trans.__('Warnings')}>
      {warnings.map(warning => (
        <li key={warning}>{warning}</li>
      ))}
    </ul>
  );
}

interface ICheckProps {
  check: CheckResult;
  report: GateReport;
  trans: ITranslate;
}

function Check(props: ICheckProps): JSX.Element {
  const { check, report, trans } = props;
  const needed = check.rows_needed ?? null;
  return (
    <li className={`jp-mod-${check.verdict}`}>
      <details>
        <summary>
          <StateIcon
            state={signOf(check.verdict)}
            label={inWords(check.verdict, trans)}
          />
          <span className="jp-Mlops-asked">{check.check}</span>
          <span className="jp-Mlops-measure">
            {isDrawn(check) && (
              <Interval
                check={check}
                beside={slicesLike(check, report)}
                trans={trans}
              />
            )}
            <span className="jp-Mlops-value">{result(check, trans)}</span>
          </span>
          {check.why && <span className="jp-Mlops-why">{check.why}</span>}
          {needed !== null && (
            <span className="jp-Mlops-why">
              {trans.__('About %1 rows would settle it.', count(needed))}
            </span>
          )}
        </summary>
        <Numbers {...props} />
      </details>
    </li>
  );
}

/** Return the slices of the same metric: they are there to be compared. */
function slicesLike(check: CheckResult, report: GateReport): CheckResult[] {
  const [kind, metric] = (check.id ?? '').split('/');
  return kind === 'slices'
    ? report.checks.filter(c => c.id?.startsWith(`${kind}/${metric}/`))
    : [];
}

/** The one number of a check. */
function result(check: CheckResult, trans: ITranslate): string {
  const { challenger, champion } = check;
  if (isGiven(check.value)) {
    return valueOf(check, trans);
  }
  if (challenger === null) {
    return '';
  }
  return champion === null
    ? metric(challenger)
    : `${metric(champion)} → ${metric(challenger)}`;
}

/** All that is known of a check, for those who ask. */
function Numbers(props: ICheckProps): JSX.Element {
  const { check, report, trans } = props;
  const facts: [string, string][] = [
    [trans.__('champion v%1', report.champion), exact(check.champion)],
    [trans.__('challenger v%1', report.challenger), exact(check.challenger)],
    [trans.__('judged'), interval(check, trans)],
    [
      trans.__('chance of error'),
      isGiven(check.lower) || isGiven(check.upper)
        ? trans.__('%1 % for each bound', brief((report.level ?? 0.05) * 100))
        : ''
    ],
    [trans.__('rows'), check.count ? count(check.count) : ''],
    [trans.__('method'), check.method ?? ''],
    [trans.__('p'), isGiven(check.p) ? brief(check.p) : '']
  ];
  return (
    <dl className="jp-Mlops-numbers">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
    </dl>
  );
}

function exact(value: number | null | undefined): string {
  return isGiven(value) ? metric(value) : '';
}

function isGiven(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}
