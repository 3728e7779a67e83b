import { age, type ITranslate } from '../text';
import type { Certificate } from '../wire';

/**
 * Say in one line what became of executing a run again: `reproduced exactly · 3 cells · 2 min`.
 *
 * @param now - Milliseconds since the epoch
 */
export function certified(
  certificate: Certificate,
  now: number,
  trans: ITranslate
): string {
  const parts = [verdict(certificate, trans)];
  if (certificate.verdict !== 'could_not_run') {
    const count = certificate.positions.length;
    parts.push(trans._n('%1 cell', '%1 cells', count));
    if (certificate.widened_by) {
      parts.push(trans.__('widened by %1', certificate.widened_by));
    }
  }
  parts.push(age(certificate.made_at, now, trans));
  return parts.join(' · ');
}

function verdict(certificate: Certificate, trans: ITranslate): string {
  switch (certificate.verdict) {
    case 'exact':
      return trans.__('reproduced exactly');
    case 'within_tolerance':
      return trans.__('reproduced within %1', certificate.tolerance);
    case 'could_not_run':
      return trans.__('could not run: %1', certificate.reason);
    case 'differs': {
      const outside = certificate.differences.filter(d => !d.within);
      const [{ name, recorded, found }] = outside;
      const first = trans.__('differs: %1 %2 → %3', name, recorded, found);
      return outside.length > 1
        ? trans.__('%1, and %2 more', first, outside.length - 1)
        : first;
    }
  }
}

/**
 * Return everything that a certificate names: differences, sources without a seed, notes.
 */
export function evidence(certificate: Certificate, trans: ITranslate): string {
  return [
    ...certificate.differences.map(
      d => `${d.name}: ${d.recorded} → ${d.found}`
    ),
    ...certificate.unseeded.map(source =>
      trans.__('without a seed: %1', source)
    ),
    ...certificate.notes
  ].join('\n');
}
