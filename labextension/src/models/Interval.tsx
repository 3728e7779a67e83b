import React from 'react';
import { brief, count, signed, type ITranslate } from '../text';
import type { CheckResult } from '../wire';

/** Share of the picture that stays free at each end. */
const MARGIN = 0.06;

/** Metrics between 0 and 1, whose differences people give in percentage points. */
const IN_POINTS = new Set([
  'accuracy',
  'balanced_accuracy',
  'f1',
  'precision',
  'recall',
  'roc_auc',
  'average_precision'
]);

/** Kinds of checks whose value is a difference between challenger and champion. */
const DIFFERENCES = new Set(['compare', 'slices']);

/**
 * Whether the value of a check is a difference, which has a sign and for which zero means
 * something.
 */
export function isDifference(check: CheckResult): boolean {
  return DIFFERENCES.has(check.kind ?? '');
}

/**
 * Write a number of a check: a difference with its sign, in percentage points where it is one
 * of a metric between 0 and 1.
 */
export function written(check: CheckResult, value: number): string {
  if (!isDifference(check)) {
    return brief(value);
  }
  return isInPoints(check) ? signed(value * 100) : signed(value);
}

/**
 * Write the value of a check with its unit.
 */
export function valueOf(check: CheckResult, trans: ITranslate): string {
  const value = check.value ?? null;
  if (value === null) {
    return '';
  }
  return isInPoints(check)
    ? trans.__('%1 pt', written(check, value))
    : written(check, value);
}

function isInPoints(check: CheckResult): boolean {
  const metric = (check.id ?? '').split('/')[1] ?? '';
  return isDifference(check) && IN_POINTS.has(metric);
}

/**
 * Whether there is anything to draw of a check.
 */
export function isDrawn(check: CheckResult): boolean {
  const { value, limit, lower, upper } = check;
  return isNumber(value) && [limit, lower, upper].some(isNumber);
}

/**
 * Say what the picture of a check shows.
 */
export function inWords(check: CheckResult, trans: ITranslate): string {
  const { value, lower, upper, limit } = check;
  const text = (number: number) => written(check, number);
  const parts: string[] = [];
  if (isNumber(value)) {
    parts.push(
      isInPoints(check)
        ? trans.__('difference %1 points', text(value))
        : isDifference(check)
          ? trans.__('difference %1', text(value))
          : trans.__('value %1', text(value))
    );
  }
  if (isNumber(lower) && isNumber(upper)) {
    parts.push(trans.__('between %1 and %2', text(lower), text(upper)));
  } else if (isNumber(lower)) {
    parts.push(trans.__('at least %1', text(lower)));
  } else if (isNumber(upper)) {
    parts.push(trans.__('at most %1', text(upper)));
  }
  const said = parts.join(', ');
  return isNumber(limit)
    ? [said, trans.__('limit %1', text(limit))].filter(Boolean).join('; ')
    : said;
}

/**
 * A value with its confidence interval, beside the limit that it must keep to; what is beyond
 * the limit is shaded. An interval that is open at one end goes on to the border.
 *
 * @param props.beside - Checks that are drawn with the same scale
 */
export function Interval(props: {
  check: CheckResult;
  beside?: readonly CheckResult[];
  trans: ITranslate;
}): JSX.Element {
  const { check, beside = [], trans } = props;
  const { limit, side } = check;
  const at = scaleOf([check, ...beside]);
  const begin = isNumber(check.lower) ? at(check.lower) : null;
  const end = isNumber(check.upper) ? at(check.upper) : null;
  const hasBounds = begin !== null || end !== null;
  const wall = isNumber(limit) ? at(limit) : null;
  return (
    <svg
      className={`jp-Mlops-interval jp-mod-${check.verdict}`}
      role="img"
      aria-label={inWords(check, trans)}
    >
      <title>{tooltip(check, trans)}</title>
      {wall !== null && side && (
        <rect
          className="jp-Mlops-beyond"
          x={side === 'above' ? '0%' : percent(wall)}
          width={percent(side === 'above' ? wall : 1 - wall)}
          y="0"
          height="100%"
        />
      )}
      <line className="jp-Mlops-axis" x1="0%" x2="100%" y1="50%" y2="50%" />
      {isDifference(check) && (
        <Mark name="zero" at={at(0)} from="30%" to="70%" />
      )}
      {wall !== null && <Mark name="limit" at={wall} from="0%" to="100%" />}
      {hasBounds && (
        <line
          className="jp-Mlops-bounds"
          x1={percent(begin ?? 0)}
          x2={percent(end ?? 1)}
          y1="50%"
          y2="50%"
        />
      )}
      {begin !== null && <Mark name="bounds" at={begin} from="28%" to="72%" />}
      {end !== null && <Mark name="bounds" at={end} from="28%" to="72%" />}
      {isNumber(check.value) && (
        <circle cx={percent(at(check.value))} cy="50%" r="3.5" />
      )}
    </svg>
  );
}

function Mark(props: {
  name: string;
  at: number;
  from: string;
  to: string;
}): JSX.Element {
  const x = percent(props.at);
  return (
    <line
      className={`jp-Mlops-${props.name}`}
      x1={x}
      x2={x}
      y1={props.from}
      y2={props.to}
    />
  );
}

/** Return where a number is in the picture, from 0 to 1. */
function scaleOf(checks: readonly CheckResult[]): (value: number) => number {
  const numbers = checks.flatMap(numbersOf);
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const width = high - low;
  return value =>
    width > 0 ? MARGIN + ((value - low) / width) * (1 - 2 * MARGIN) : 0.5;
}

function numbersOf(check: CheckResult): number[] {
  const { value, lower, upper, limit } = check;
  const zero = isDifference(check) ? 0 : null;
  return [value, lower, upper, limit, zero].filter(isNumber);
}

function tooltip(check: CheckResult, trans: ITranslate): string {
  const rows = check.count ?? null;
  const { p, method } = check;
  return [
    inWords(check, trans),
    rows === null ? '' : trans.__('%1 rows', count(rows)),
    method ?? '',
    isNumber(p) ? trans.__('p = %1', brief(p)) : ''
  ]
    .filter(Boolean)
    .join(' · ');
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
