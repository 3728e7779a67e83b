import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it } from 'vitest';
import { check, report, trans } from '../../__tests__/samples';
import type { GateReport } from '../../wire';
import { GateCard } from '../GateCard';

function show(more: Partial<GateReport>): void {
  render(<GateCard report={report(more)} trans={trans} />);
}

function lines(): string[] {
  const list = screen.getByRole('list', { name: 'Last gate report' });
  return within(list)
    .getAllByRole('listitem')
    .map(line => line.querySelector('.jp-Mlops-asked')?.textContent ?? '');
}

it.each([
  ['pass', 'passed'],
  ['fail', 'failed'],
  ['hold', 'undecided'],
  ['error', 'could not be judged']
] as const)('names the verdict %s', (verdict, word) => {
  show({ verdict, checks: [] });
  expect(screen.getByText(word).className).toContain(`jp-mod-${verdict}`);
});

it('has the worst check first', () => {
  const checks = (['not_judged', 'pass', 'hold', 'error', 'fail'] as const).map(
    verdict => check({ verdict, check: verdict, id: verdict })
  );
  show({ checks });
  expect(lines()).toEqual(['error', 'fail', 'hold', 'not_judged', 'pass']);
  expect(
    screen.getByText(
      '1 could not be judged, 1 failed, 1 undecided, 1 not judged, 1 passed'
    )
  ).toBeDefined();
});

it('tells the numbers of a check, and how many rows would settle it', () => {
  const holds = check({ verdict: 'hold', rows_needed: 8400 });
  show({ checks: [holds], level: 0.05 });
  expect(screen.getByText('About 8,400 rows would settle it.')).toBeDefined();
  expect(screen.getByText('+0.4 pt')).toBeDefined();
  for (const text of ['paired t', '0.0003', '5 % for each bound', '0.9140']) {
    expect(screen.getByText(text)).toBeDefined();
  }
});

it('shows both values of a check that was made without an interval', () => {
  show({});
  expect(screen.getByText('0.4412 → 0.4712')).toBeDefined();
  expect(screen.queryByRole('img', { name: /difference/ })).toBeNull();
});

it('folds many slices that passed, never one that did not', async () => {
  const slices = Array.from({ length: 33 }, (_, i) =>
    check({
      kind: 'slices',
      id: `slices/accuracy/carrier=${i}`,
      check: `carrier=${i}`,
      verdict: i === 20 ? 'fail' : 'pass'
    })
  );
  const all = { kind: 'slices', id: 'slices/accuracy', check: 'no slice' };
  show({
    checks: [check({ check: 'overall' }), check(all), ...slices]
  });
  expect(lines()).toEqual(['carrier=20', 'overall', 'no slice']);
  await userEvent.click(
    screen.getByRole('button', { name: 'Show more checks: 32 passed' })
  );
  expect(lines()).toHaveLength(35);
  await userEvent.click(
    screen.getByRole('button', { name: 'Show fewer checks' })
  );
  expect(lines()).toHaveLength(3);
});

it('draws the slices of a metric with one scale', () => {
  const at = (id: string, value: number) =>
    check({ kind: 'slices', id, value, lower: value - 1, upper: value + 1 });
  show({
    checks: [at('slices/accuracy/a', 0), at('slices/accuracy/b', 9)]
  });
  const [first, second] = [...document.querySelectorAll('circle[r="3.5"]')];
  const x = (node?: Element) => Number(node?.getAttribute('cx')?.slice(0, -1));
  expect(x(first)).toBeLessThan(20);
  expect(x(second)).toBeGreaterThan(80);
});

it('says that there was no champion, in the words of the report if it has any', () => {
  const first = { champion: null, bootstrap: true };
  show(first);
  expect(screen.getByText('v3, the first')).toBeDefined();
  expect(
    screen.getByText('There was no champion: only absolute checks were made.')
  ).toBeDefined();
  show({ ...first, warnings: ['the first model', 'candidate 21 of 100'] });
  expect(screen.getByText('candidate 21 of 100')).toBeDefined();
});

it('says on what was judged', () => {
  show({ left_out: 9, looks: 21, clusters: 812 });
  expect(
    screen.getByText(
      'on flights@4, 27,321 rows; 9 without a label; in 812 groups; candidate 21 on these rows'
    )
  ).toBeDefined();
});
