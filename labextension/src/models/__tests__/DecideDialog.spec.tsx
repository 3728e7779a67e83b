import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import {
  decision,
  model,
  report,
  trans,
  waiting
} from '../../__tests__/samples';
import { RequestError } from '../../request';
import type { ModelSummary } from '../../wire';
import type { Deed } from '../deed';
import { DecideDialog, type IDeeds } from '../DecideDialog';

const judged = model({
  rollback_to: 1,
  waiting: waiting(),
  decisions: [
    decision({ id: 'seen', kind: 'pass', report: report({ verdict: 'pass' }) })
  ]
});

function ask(
  deed: Deed,
  about: ModelSummary = judged,
  more: Partial<IDeeds> = {}
): { deeds: IDeeds; onClose: () => void } {
  const deeds = {
    approve: vi.fn(() => Promise.resolve()),
    promote: vi.fn(() =>
      Promise.resolve({ decision: decision({}), waiting: null })
    ),
    rollback: vi.fn(() => Promise.resolve()),
    ...more
  };
  const onClose = vi.fn();
  render(
    <DecideDialog
      deed={deed}
      model={about}
      deeds={deeds}
      onClose={onClose}
      trans={trans}
    />
  );
  return { deeds, onClose };
}

it('says who becomes champion in place of whom, and for whom that counts', async () => {
  const { deeds, onClose } = ask('promote');
  const dialog = screen.getByRole('dialog', { name: 'Promote delays v3?' });
  expect(dialog.textContent).toContain(
    'v3 becomes champion of delays in place of v2.' +
      'Everybody who loads models:/delays@champion gets it.'
  );
  expect(dialog.textContent).toContain('mlops promote delays --override');
  await userEvent.click(screen.getByRole('button', { name: 'Promote' }));
  expect(deeds.promote).toHaveBeenCalledWith('delays', { decision: 'seen' });
  expect(onClose).toHaveBeenCalledOnce();
});

it('says that it is the first champion', () => {
  ask('promote', { ...judged, champion: null });
  expect(
    screen.getByText('v3 becomes the first champion of delays.')
  ).toBeDefined();
});

it('rolls back from the champion that was seen to the one that was announced', async () => {
  const { deeds } = ask('rollback');
  expect(
    screen.getByText('v1 becomes champion of delays again, in place of v2.')
  ).toBeDefined();
  await userEvent.type(
    screen.getByRole('textbox', { name: 'Why (for the record)' }),
    ' complaints '
  );
  await userEvent.click(screen.getByRole('button', { name: 'Roll back' }));
  expect(deeds.rollback).toHaveBeenCalledWith('delays', {
    champion: 2,
    to: 1,
    reason: 'complaints'
  });
});

it('approves the decision that was seen, and nothing is moved', async () => {
  const { deeds } = ask('approve');
  expect(screen.getByText('After yours it can be promoted.')).toBeDefined();
  expect(
    screen.getByText('The gate on flights@4, 27,321 rows: passed (1 failed).')
  ).toBeDefined();
  await userEvent.click(screen.getByRole('button', { name: 'Approve' }));
  expect(deeds.approve).toHaveBeenCalledWith('delays', {
    decision: 'seen',
    comment: ''
  });
});

it('shows why it was refused, and lets one try again', async () => {
  const refused = new RequestError('maya may not approve her own', 'ask', 400);
  ask('approve', judged, { approve: () => Promise.reject(refused) });
  await userEvent.click(screen.getByRole('button', { name: 'Approve' }));
  expect(screen.getByRole('alert').textContent).toContain('may not approve');
  expect(
    screen.getByRole<HTMLButtonElement>('button', { name: 'Approve' }).disabled
  ).toBe(false);
});

it('does not let one confirm what does not stand any more', async () => {
  const moved = new RequestError('the champion is now v4', null, 409);
  const { onClose } = ask('promote', judged, {
    promote: () => Promise.reject(moved)
  });
  await userEvent.click(screen.getByRole('button', { name: 'Promote' }));
  expect(screen.getByRole('alert').textContent).toContain('now v4');
  expect(screen.queryByRole('button', { name: 'Promote' })).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Close' }));
  expect(onClose).toHaveBeenCalledOnce();
});

it('says when nothing was moved', async () => {
  const waits = { decision: null, waiting: waiting() };
  const { onClose } = ask('promote', judged, {
    promote: () => Promise.resolve(waits)
  });
  await userEvent.click(screen.getByRole('button', { name: 'Promote' }));
  expect(screen.getByRole('alert').textContent).toContain('Nothing was moved');
  expect(onClose).not.toHaveBeenCalled();
});

it('can be asked once only while it is done', async () => {
  let end: () => void = () => undefined;
  const { onClose } = ask('rollback', judged, {
    rollback: () => new Promise(resolve => (end = resolve))
  });
  await userEvent.click(screen.getByRole('button', { name: 'Roll back' }));
  const busy = screen.getByRole<HTMLButtonElement>('button', {
    name: 'One moment…'
  });
  expect(busy.disabled).toBe(true);
  end();
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledOnce());
});

it('is left without doing anything', async () => {
  const { deeds, onClose } = ask('promote');
  await userEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  expect(onClose).toHaveBeenCalledOnce();
  expect(deeds.promote).not.toHaveBeenCalled();
});
