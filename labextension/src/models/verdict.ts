import type { State } from '../parts/icons';
import type { ITranslate } from '../text';
import type { CheckResult } from '../wire';

/**
 * What came of a check, or of a whole gate.
 */
export type Verdict = CheckResult['verdict'];

/** Worst first. */
const ORDER: readonly Verdict[] = [
  'error',
  'fail',
  'hold',
  'not_judged',
  'pass'
];

/**
 * Return the checks, worst first; those of one verdict stay in their order.
 */
export function worstFirst(checks: readonly CheckResult[]): CheckResult[] {
  return [...checks].sort(
    (a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict)
  );
}

/**
 * Say how many checks there are of each verdict: `1 failed, 2 passed`.
 */
export function tally(
  checks: readonly CheckResult[],
  trans: ITranslate
): string {
  return ORDER.map(verdict => ({
    verdict,
    count: checks.filter(check => check.verdict === verdict).length
  }))
    .filter(({ count }) => count > 0)
    .map(({ verdict, count }) => `${count} ${inWords(verdict, trans)}`)
    .join(', ');
}

/**
 * Return the sign of a verdict.
 */
export function signOf(verdict: Verdict): State {
  switch (verdict) {
    case 'pass':
      return 'finished';
    case 'hold':
      return 'undecided';
    case 'not_judged':
      return 'queued';
    case 'fail':
    case 'error':
      return 'failed';
  }
}

/**
 * A verdict in words.
 */
export function inWords(verdict: Verdict, trans: ITranslate): string {
  switch (verdict) {
    case 'pass':
      return trans.__('passed');
    case 'fail':
      return trans.__('failed');
    case 'hold':
      return trans.__('undecided');
    case 'error':
      return trans.__('could not be judged');
    case 'not_judged':
      return trans.__('not judged');
  }
}
