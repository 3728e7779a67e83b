import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { MemoryApi, stepRun, trans } from '../../__tests__/samples';
import { asShown, type ILog, logOf } from '../model';
import { StepLog } from '../StepLog';

const log = (more: Partial<ILog> = {}): ILog => ({
  step: stepRun({ step: 'fit' }),
  text: 'epoch 1\n',
  isCut: false,
  isEnded: false,
  ...more
});

function show(shown: ILog): () => void {
  const onNotebook = vi.fn();
  render(
    <StepLog
      pipeline="train"
      log={shown}
      onNotebook={onNotebook}
      trans={trans}
    />
  );
  return onNotebook;
}

it('shows what was printed, and opens the notebook', async () => {
  const onNotebook = show(log());
  expect(screen.getByRole('log').textContent).toBe('epoch 1\n');
  expect(screen.getByRole('heading').textContent).toContain('train: fit');
  await userEvent.click(
    screen.getByRole('button', { name: 'Executed notebook' })
  );
  expect(onNotebook).toHaveBeenCalled();
});

it('says that nothing was printed, or not yet', () => {
  show(log({ text: '' }));
  expect(screen.getByText('Nothing is printed yet.')).toBeDefined();
  show(log({ text: '', isEnded: true }));
  expect(screen.getByText(/printed nothing/)).toBeDefined();
});

it('says why it failed, and shows a hostile text as a text', () => {
  const step = stepRun({ status: 'failed', error: '<b>KeyError</b>' });
  show(log({ step, text: '<img src=x onerror=alert(1)>' }));
  expect(screen.getByText('<b>KeyError</b>')).toBeDefined();
  expect(document.querySelector('img[src]')).toBeNull();
});

it('adds what was printed since the last look, until the step has ended', async () => {
  const api = new MemoryApi();
  api.printed = 'one\n';
  const live = logOf(api, 'a.ipynb', 'r', 'fit');
  await live.refresh();
  expect(live.value?.text).toBe('one\n');
  api.printed = 'one\ntwo\n';
  api.answers.step = 'finished';
  await live.refresh();
  expect(live.value).toMatchObject({ text: 'one\ntwo\n', isEnded: true });
  const { length } = api.asked;
  await live.refresh();
  expect(api.asked.length).toBe(length);
});

it.each([
  ['10 %\r20 %\r', '20 %'],
  ['10 %\r20 %\ndone', '20 %\ndone'],
  ['a\r\nb', 'a\nb'],
  ['', '']
])('shows %j as a terminal would', (text, shown) => {
  expect(asShown(text)).toBe(shown);
});
