import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { notebookState, trans } from '../../__tests__/samples';
import type { CellState, NotebookState } from '../../wire';
import { StateBadge } from '../StateBadge';

function show(state: NotebookState | null): (cellId: string) => void {
  const onOpen = vi.fn();
  render(<StateBadge state={state} onOpen={onOpen} trans={trans} />);
  return onOpen;
}

const cell = (number: number, state: CellState['state']): CellState => ({
  number,
  cell_id: `id-${number}`,
  state,
  why: `why ${number}`
});

it('shows nothing where there is no project', () => {
  show(null);
  expect(screen.queryByRole('button')).toBeNull();
});

it.each([
  ['unknown', 'unknown'],
  ['stale', 'stale'],
  ['reproducible', 'reproducible'],
  ['not_reproducible', 'not reproducible']
] as const)('says %s in words', (verdict, word) => {
  show(notebookState({ verdict, why: 'because' }));
  const badge = screen.getByRole('button', {
    name: `State of the notebook: ${word}. because`
  });
  expect(badge.textContent).toBe(word);
});

it('says why, cell by cell, and what is hidden', () => {
  show(
    notebookState({
      verdict: 'stale',
      cells: [cell(1, 'reproducible'), cell(2, 'stale'), cell(3, 'unknown')],
      hidden: [{ name: 'base', why: 'bound by a cell that was deleted' }]
    })
  );
  expect(screen.getByRole('button').title.split('\n')).toEqual([
    'Cell 2, stale: why 2',
    'Cell 3, unknown: why 3',
    'Hidden state: base, bound by a cell that was deleted'
  ]);
});

it('says in short what is long', () => {
  const cells = Array.from({ length: 20 }, (_, i) => cell(i + 1, 'stale'));
  show(notebookState({ verdict: 'stale', cells }));
  const lines = screen.getByRole('button').title.split('\n');
  expect(lines).toHaveLength(9);
  expect(lines.at(-1)).toBe('… and 12 more');
});

it('goes to the first cell that makes it so', async () => {
  const onOpen = show(
    notebookState({
      verdict: 'not_reproducible',
      cells: [cell(1, 'stale'), cell(2, 'not_reproducible')]
    })
  );
  await userEvent.click(screen.getByRole('button'));
  expect(onOpen).toHaveBeenCalledWith('id-2');
});
