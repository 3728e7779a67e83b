import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { pipelineRun, THEN, trans } from '../../__tests__/samples';
import type { PipelineRun, StepRun } from '../../wire';
import { PipelineList } from '../PipelineList';

function show(...runs: PipelineRun[]): (id: string, name: string) => void {
  const onOpen = vi.fn();
  const pipelines = [{ name: 'train', notebook: 'train.ipynb', runs }];
  render(<PipelineList answer={{ pipelines }} onOpen={onOpen} trans={trans} />);
  return onOpen;
}

const step = (more: Partial<StepRun>): StepRun => ({
  step: 'load',
  status: 'finished',
  started_at: THEN,
  ended_at: THEN,
  executed: null,
  error: null,
  ...more
});

it('says what to do when there are no pipelines', () => {
  render(
    <PipelineList answer={{ pipelines: [] }} onOpen={vi.fn()} trans={trans} />
  );
  expect(screen.getByText('mlops pipeline build NOTEBOOK')).toBeDefined();
});

it('says how to run one that never ran', () => {
  show();
  expect(screen.getByText('mlops pipeline run train')).toBeDefined();
});

it('shows each step and its state', () => {
  show(
    pipelineRun({
      status: 'failed',
      parameters: { month: 2 },
      steps: [
        step({}),
        step({ step: 'fit', status: 'failed', error: "KeyError: 'delay'" }),
        step({ step: 'score', status: 'queued', started_at: null })
      ]
    })
  );
  const states = screen.getAllByRole('img').map(sign => sign.ariaLabel);
  expect(states).toEqual(['failed', 'finished', 'failed', 'queued']);
  expect(screen.getByText("fit: KeyError: 'delay'")).toBeDefined();
  expect(screen.getByTitle('month = 2')).toBeDefined();
});

it('opens the run that it recorded, if it recorded one', async () => {
  const onOpen = show(
    pipelineRun({ id: 'b', run_id: 'abc' }),
    pipelineRun({ id: 'c' })
  );
  const [recorded, other] = screen.getAllByRole('button');
  expect(other).toHaveProperty('disabled', true);
  await userEvent.click(recorded);
  expect(onOpen).toHaveBeenCalledWith('abc', 'train');
});
