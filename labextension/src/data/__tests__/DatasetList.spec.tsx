import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it } from 'vitest';
import { trans, version } from '../../__tests__/samples';
import type { DatasetVersion } from '../../wire';
import { DatasetList } from '../DatasetList';

function show(...versions: DatasetVersion[]): void {
  const datasets = versions.length ? [{ name: 'flights', versions }] : [];
  render(<DatasetList answer={{ datasets }} trans={trans} />);
}

it('says what to do when there are no versions', () => {
  show();
  expect(screen.getByText('%snapshot df --name train')).toBeDefined();
});

it('shows rows, columns, size, age and note', () => {
  show(version({ number: 4, note: 'with April' }));
  const row = screen.getByRole('button');
  for (const text of ['@4', '27,004 × 1', '3.1 MB', '1 h', 'with April']) {
    expect(row.textContent).toContain(text);
  }
});

it('opens a version to show its columns', async () => {
  show(version({}));
  const row = screen.getByRole('button', { expanded: false });
  await userEvent.click(row);
  expect(row.getAttribute('aria-expanded')).toBe('true');
  const table = screen.getByRole('table', { name: 'Columns of flights@1' });
  expect(table.textContent).toContain('monthint643');
});

it('shows a file by its size', async () => {
  show(version({ kind: 'file', row_count: null, columns: [] }));
  const row = screen.getByRole('button');
  expect(row.textContent).not.toContain('×');
  await userEvent.click(row);
  expect(screen.getByText('A file, kept byte for byte.')).toBeDefined();
});

it('says of other kinds what they are', async () => {
  for (const [kind, text] of [
    ['folder', 'A folder, its files kept byte for byte.'],
    ['array', 'An array.'],
    ['frame', 'No columns.']
  ] as const) {
    show(version({ kind, row_count: null, columns: [] }));
    await userEvent.click(screen.getByRole('button'));
    expect(screen.getByText(text)).toBeDefined();
    cleanup();
  }
});

it('shows tags, and what was given up', () => {
  show(
    version({
      tags: ['golden', 'v1.0.0'],
      gone_at: '2026-11-05T10:00:00+00:00',
      gone_why: 'older than 90 days'
    })
  );
  const row = screen.getByRole('button');
  for (const text of [
    'golden',
    'v1.0.0',
    'Content given up: older than 90 days'
  ]) {
    expect(row.textContent).toContain(text);
  }
});

it('folds what is old', async () => {
  show(...[5, 4, 3, 2, 1].map(number => version({ number })));
  expect(screen.getAllByRole('listitem')).toHaveLength(3);
  await userEvent.click(screen.getByRole('button', { name: 'Show 2 older' }));
  expect(screen.getAllByRole('listitem')).toHaveLength(5);
  await userEvent.click(
    screen.getByRole('button', { name: 'Show the newest only' })
  );
  expect(screen.getAllByRole('listitem')).toHaveLength(3);
});
