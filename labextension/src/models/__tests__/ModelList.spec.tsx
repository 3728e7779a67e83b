import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import {
  decision,
  model,
  report,
  THEN,
  trans,
  waiting
} from '../../__tests__/samples';
import type { Decision, ModelSummary } from '../../wire';
import { ModelList } from '../ModelList';

function show(...models: ModelSummary[]): (id: string, name: string) => void {
  const onOpen = vi.fn();
  const deeds = { approve: vi.fn(), promote: vi.fn(), rollback: vi.fn() };
  render(
    <ModelList
      answer={{ models }}
      deeds={deeds}
      onOpen={onOpen}
      trans={trans}
    />
  );
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

it('shows the last report', () => {
  const judged = decision({
    kind: 'reject',
    to_version: 3,
    report: report()
  });
  const older = decision({ id: 'old', report: report({ challenger: 1 }) });
  show(model({ decisions: [judged, older] }));
  expect(screen.getByText('v3 against v2')).toBeDefined();
  expect(screen.getByText('worse by 0.03')).toBeDefined();
  expect(screen.getAllByRole('list', { name: /gate report/ })).toHaveLength(1);
});

it.each([
  [waiting(), 'v3 passed its gate, and waits for 1 approval.', ['Approve…']],
  [
    waiting({ verdict: 'hold', needed: 2, by: ['ada', 'jon'] }),
    'v3 is undecided, and waits for 2 approvals by ada or jon.',
    ['Approve…']
  ],
  [
    waiting({ needed: 0, ready: true }),
    'v3 passed its gate, and can be promoted.',
    ['Promote…']
  ],
  [
    waiting({ lapsed: 'the champion is now v4' }),
    'v3 passed its gate, but cannot be promoted any more: the champion is now v4',
    []
  ],
  [
    waiting({ verdict: 'fail', needed: 0 }),
    'v3 did not pass its gate. Only mlops promote delays --override REASON in a terminal promotes it.',
    []
  ]
])('says what a version waits for: %o', (waits, said, buttons) => {
  show(model({ waiting: waits, versions }));
  const group = screen.getByRole('group', { name: 'v3 waits' });
  expect(group.textContent).toContain(said);
  const names = [...group.querySelectorAll('button')].map(b => b.textContent);
  expect(names).toEqual(buttons);
});

it('names those who have approved', () => {
  const approved = [{ actor: 'ada', at: THEN, comment: 'looks good' }];
  show(model({ waiting: waiting({ needed: 2, approved }) }));
  expect(screen.getByText('Approved by ada: looks good')).toBeDefined();
});

it('asks before it rolls back, and says to which version', async () => {
  show(model({ rollback_to: 1, versions }));
  await userEvent.click(
    screen.getByRole('button', { name: 'Roll delays back to v1 …' })
  );
  expect(
    screen.getByRole('dialog', { name: 'Roll delays back to v1?' })
  ).toBeDefined();
  await userEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  expect(screen.queryByRole('dialog')).toBeNull();
});

it('has no way back when there was no champion before', () => {
  show(model({ versions }));
  expect(screen.queryByRole('button', { name: /Roll/ })).toBeNull();
});

it('says that a version which passed was not approved', () => {
  const passed = decision({ id: 'seen', kind: 'pass' });
  const forced = decision({ override: true, judged: 'seen' });
  show(model({ decisions: [forced, passed] }));
  expect(screen.getByText('Overridden: it was not approved')).toBeDefined();
});

it('names those who approved once', () => {
  const promoted = decision({ judged: 'seen', reason: 'approved by jon' });
  const yes = decision({
    id: 'e',
    kind: 'approve',
    judged: 'seen',
    actor: 'jon'
  });
  show(model({ decisions: [promoted, yes] }));
  expect(screen.getAllByText(/approved by jon/)).toHaveLength(1);
});

it('marks an override, with its reason and those who approved', () => {
  const promoted = decision({
    judged: 'seen',
    override: true,
    reason: 'the airport waits for it',
    number: 7,
    digest: 'blake3:0123456789abcdef'
  });
  const yes = decision({
    id: 'e',
    kind: 'approve',
    judged: 'seen',
    actor: 'jon'
  });
  show(model({ decisions: [promoted, yes] }));
  expect(screen.getByText('Overridden: the gate had not passed')).toBeDefined();
  expect(screen.getByText('maya: the airport waits for it')).toBeDefined();
  expect(screen.getByText('approved by jon')).toBeDefined();
  expect(screen.getByTitle('decision 7 · digest 01234567')).toBeDefined();
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
