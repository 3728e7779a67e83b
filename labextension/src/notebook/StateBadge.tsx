import React from 'react';
import type { ITranslate } from '../text';
import type { CellState, NotebookState } from '../wire';

type State = NotebookState['verdict'];

const SHAPES: Record<State, React.ReactNode> = {
  unknown: (
    <path d="M6.3 6.3a1.8 1.8 0 1 1 2.5 1.6c-.6.3-.8.6-.8 1.2M8 11v.1" />
  ),
  stale: <path d="M8 4.6V8l2.3 1.5" />,
  reproducible: <path d="M4.8 8.2 7 10.4l4.2-4.6" />,
  not_reproducible: <path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" />
};

/**
 * The state of the notebook in one word, with a sign; why it is so as a tooltip.
 *
 * @param props.state - Null draws nothing
 * @param props.onOpen - Called with the id of the first cell that makes it so
 */
export function StateBadge(props: {
  state: NotebookState | null;
  onOpen: (cellId: string) => void;
  trans: ITranslate;
}): JSX.Element | null {
  const { state, trans } = props;
  if (!state) {
    return null;
  }
  const word = stateWord(state.verdict, trans);
  const first = worst(state);
  return (
    <button
      type="button"
      className={`jp-Mlops-notebookState jp-mod-${state.verdict}`}
      title={reasons(state, trans)}
      aria-label={trans.__('State of the notebook: %1. %2', word, state.why)}
      onClick={() => first?.cell_id && props.onOpen(first.cell_id)}
    >
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <circle cx="8" cy="8" r="6.2" />
        {SHAPES[state.verdict]}
      </svg>
      <span>{word}</span>
    </button>
  );
}

/**
 * A state in words.
 */
export function stateWord(state: State, trans: ITranslate): string {
  switch (state) {
    case 'unknown':
      return trans.__('unknown');
    case 'stale':
      return trans.__('stale');
    case 'reproducible':
      return trans.__('reproducible');
    case 'not_reproducible':
      return trans.__('not reproducible');
  }
}

/** Lines of reasons in a tooltip. */
const MOST_LINES = 8;

function reasons(state: NotebookState, trans: ITranslate): string {
  const cells = state.cells.filter(cell => cell.state !== 'reproducible');
  const lines = cells.slice(0, MOST_LINES).map(cell => cellReason(cell, trans));
  if (cells.length > MOST_LINES) {
    lines.push(trans.__('… and %1 more', cells.length - MOST_LINES));
  }
  const hidden = state.hidden.map(name =>
    trans.__('Hidden state: %1, %2', name.name, name.why)
  );
  const shown = lines.length ? lines : [state.why];
  return [...shown, ...hidden.slice(0, MOST_LINES)].join('\n');
}

/**
 * Why a cell is in its state, in one line.
 */
export function cellReason(cell: CellState, trans: ITranslate): string {
  const word = stateWord(cell.state, trans);
  return trans.__('Cell %1, %2: %3', cell.number, word, cell.why);
}

function worst(state: NotebookState): CellState | undefined {
  return state.cells.find(cell => cell.state === state.verdict);
}
