import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { run, trans } from '../../__tests__/samples';
import { type IRunListProps, RunList } from '../RunList';

function show(props: Partial<IRunListProps>): IRunListProps {
  const all: IRunListProps = {
    page: { runs: [run()], total: 1 },
    offset: 0,
    onOpen: vi.fn(),
    onNewer: vi.fn(),
    onOlder: vi.fn(),
    trans,
    ...props
  };
  render(<RunList {...all} />);
  return all;
}

it('says what to do when there are no runs', () => {
  show({ page: { runs: [], total: 0 } });
  expect(screen.getByText('No runs yet.')).toBeDefined();
  expect(screen.getByText('%%track NAME').tagName).toBe('CODE');
});

it('shows what one compares at a glance', () => {
  const one = run({
    metrics: { roc_auc: 0.794561, loss: null },
    parameters: { depth: 8 },
    data: ['flights@4']
  });
  show({ page: { runs: [one], total: 1 } });
  const row = screen.getByRole('button');
  for (const text of ['baseline', 'roc_auc 0.7946', 'loss NaN', 'depth 8']) {
    expect(row.textContent).toContain(text);
  }
  expect(screen.getByText('flights@4')).toBeDefined();
  expect(screen.getByText('1 h').tagName).toBe('TIME');
  expect(screen.getByRole('img', { name: 'finished' })).toBeDefined();
});

it('shows the error of a run that failed', () => {
  const failed = run({ status: 'failed', error: 'ValueError: no' });
  show({ page: { runs: [failed], total: 1 } });
  expect(screen.getByText('ValueError: no')).toBeDefined();
  expect(screen.getByRole('img', { name: 'failed' })).toBeDefined();
});

it('opens a run with the keyboard', async () => {
  const { onOpen } = show({});
  await userEvent.tab();
  await userEvent.keyboard('{Enter}');
  expect(onOpen).toHaveBeenCalledWith(
    expect.objectContaining({ name: 'baseline' })
  );
});

it('shows a hostile name as a text', () => {
  const name = '<img src=x onerror=alert(1)>';
  show({ page: { runs: [run({ name })], total: 1 } });
  expect(screen.getByText(name)).toBeDefined();
  expect(document.querySelector('img')).toBeNull();
});

it('turns pages only where there are some', async () => {
  const { onOlder } = show({ page: { runs: [run()], total: 1234 } });
  expect(screen.getByText('1–1 of 1,234')).toBeDefined();
  const newer = screen.getByRole('button', { name: 'Newer runs' });
  expect(newer).toHaveProperty('disabled', true);
  await userEvent.click(screen.getByRole('button', { name: 'Older runs' }));
  expect(onOlder).toHaveBeenCalled();
});

it('has no pages when all runs are shown', () => {
  show({});
  expect(screen.queryByRole('navigation')).toBeNull();
});
