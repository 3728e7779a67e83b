import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { decision, model, report, THEN, trans } from '../../__tests__/samples';
import type { Decision, ModelSummary } from '../../wire';
import { ModelList } from '../ModelList';

function show(...models: ModelSummary[]): (id: string, name: string) => void {
  const onOpen = vi.fn();
  render(<ModelList answer={{ models }} onOpen={onOpen} trans={trans} />);
  return onOpen;
}

const versions = [3, 2].map(version => ({
  model: 'delays',
  version,
  run_id: `run-${version}`,
  model_digest: 'blake3:0',
  registered_at: THEN
}));

it('says what to do when there are no models', () => {
  show();
  expect(screen.getByText('mlops release NAME')).toBeDefined();
});

it('says how to release one that never was', () => {
  show(model({ champion: null }));
  expect(screen.getByText('no champion')).toBeDefined();
  expect(screen.getByText('mlops release delays')).toBeDefined();
});

it('tells the champion from the other versions, and opens their runs', async () => {
  const onOpen = show(model({ versions }));
  await userEvent.click(
    screen.getByRole('button', { name: 'v2, champion: open its run' })
  );
  expect(onOpen).toHaveBeenLastCalledWith('run-2', 'delays');
  await userEvent.click(
    screen.getByRole('button', { name: 'v3: open its run' })
  );
  expect(onOpen).toHaveBeenLastCalledWith('run-3', 'delays');
});

it('shows the last report with values, verdicts and reasons', () => {
  const judged = decision({
    kind: 'reject',
    to_version: 3,
    report: report({ left_out: 9 })
  });
  const older = decision({ id: 'old', report: report({ challenger: 1 }) });
  show(model({ decisions: [judged, older] }));
  const table = screen.getByRole('table', { name: 'Last gate report' });
  expect(screen.getByText('v3 against v2')).toBeDefined();
  expect(
    screen.getByText('on flights@4, 27,321 rows; 9 without a label')
  ).toBeDefined();
  expect(within(table).getByRole('img', { name: 'failed' })).toBeDefined();
  for (const text of ['0.4412', '0.4712', 'worse by 0.03']) {
    expect(table.textContent).toContain(text);
  }
});

it('says that a first model was compared with none', () => {
  const check = {
    check: 'roc_auc not worse than champion',
    verdict: 'not_judged' as const,
    challenger: 0.7,
    champion: null,
    why: 'there is no champion yet'
  };
  const first = report({ challenger: 1, champion: null, checks: [check] });
  show(model({ decisions: [decision({ report: first })] }));
  expect(screen.getByText('v1, the first')).toBeDefined();
  expect(screen.getByRole('img', { name: 'not judged' })).toBeDefined();
  expect(screen.getAllByRole('columnheader')).toHaveLength(2);
});

it.each<[Partial<Decision>, string]>([
  [{ kind: 'promote' }, 'Promoted v1'],
  [{ kind: 'promote', state: 'intended' }, 'Promoting v1'],
  [{ kind: 'promote', state: 'void' }, 'Void: v1 was not promoted'],
  [{ kind: 'reject' }, 'Refused v1'],
  [{ kind: 'pass' }, 'Passed: v1'],
  [{ kind: 'hold' }, 'Undecided: v1'],
  [{ kind: 'approve' }, 'Approved v1'],
  [{ kind: 'rollback' }, 'Rolled back to v1']
])('says what was decided: %o', (more, said) => {
  show(model({ decisions: [decision(more)] }));
  expect(screen.getByText(said)).toBeDefined();
  expect(screen.getByText('maya: passed 1 of 1 checks')).toBeDefined();
});
