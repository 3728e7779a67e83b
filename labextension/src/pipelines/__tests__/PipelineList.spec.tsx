import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { pipelineRun, stepRun, THEN, trans } from '../../__tests__/samples';
import type { PipelineForm, PipelineRun } from '../../wire';
import { type IPipelineActions, PipelineList } from '../PipelineList';

const FORM: PipelineForm = {
  pipeline: 'train',
  notebook: 'train.ipynb',
  schema: { properties: { month: { type: 'integer', default: 1 } } }
};

function show(...runs: PipelineRun[]) {
  const actions = {
    parameters: vi.fn<IPipelineActions['parameters']>(() =>
      Promise.resolve(FORM)
    ),
    launch: vi.fn<IPipelineActions['launch']>(() => Promise.resolve()),
    cancel: vi.fn<IPipelineActions['cancel']>(() => Promise.resolve()),
    openRun: vi.fn<IPipelineActions['openRun']>(),
    openStep: vi.fn<IPipelineActions['openStep']>(),
    openPicture: vi.fn<IPipelineActions['openPicture']>()
  };
  const pipelines = [{ name: 'train', notebook: 'train.ipynb', runs }];
  render(
    <PipelineList answer={{ pipelines }} actions={actions} trans={trans} />
  );
  return actions;
}

it('says what to do when there are no pipelines', () => {
  const actions = show();
  render(
    <PipelineList answer={{ pipelines: [] }} actions={actions} trans={trans} />
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
        stepRun(),
        stepRun({ step: 'fit', status: 'failed', error: "KeyError: 'delay'" }),
        stepRun({ step: 'score', status: 'queued', started_at: null })
      ]
    })
  );
  const states = screen.getAllByRole('img').map(sign => sign.ariaLabel);
  expect(states).toEqual(['failed', 'finished', 'failed', 'queued']);
  expect(screen.getByText("fit: KeyError: 'delay'")).toBeDefined();
  expect(screen.getByTitle('month = 2')).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Stop this run' })).toBeNull();
});

it('shows where each step of a running pipeline is', () => {
  show(
    pipelineRun({
      status: 'running',
      ended_at: null,
      steps: [
        stepRun({ status: 'cached' }),
        stepRun({
          step: 'fit',
          status: 'running',
          ended_at: null,
          cell: 4,
          cells: 10
        }),
        stepRun({ step: 'plot', status: 'running', ended_at: null }),
        stepRun({ step: 'score', status: 'queued', started_at: null })
      ]
    })
  );
  const bar = screen.getByRole('progressbar', { name: 'cell 4 of 10' });
  expect(bar).toHaveProperty('value', 3);
  const [cached, running, starting] = screen
    .getAllByRole('listitem')
    .filter(item => item.classList.contains('jp-Mlops-step'));
  expect(cached.textContent).toContain('not run again');
  expect(running.textContent).toContain('1 h 0 min');
  expect(within(starting).getByText('starting')).toBeDefined();
});

it('opens the run that it recorded, if it recorded one', async () => {
  const actions = show(
    pipelineRun({ id: 'b', run_id: 'abc', parameters: { n: 1 } }),
    pipelineRun({ id: 'c', parameters: { n: 2 } })
  );
  const recorded = screen.getByTitle('n = 1').closest('button');
  const other = screen.getByTitle('n = 2').closest('button');
  expect(other).toHaveProperty('disabled', true);
  await userEvent.click(recorded as HTMLElement);
  expect(actions.openRun).toHaveBeenCalledWith('abc', 'train');
});

it('opens a step that has begun, and the picture', async () => {
  const run = pipelineRun({
    steps: [
      stepRun(),
      stepRun({ step: 'fit', status: 'queued', started_at: null })
    ]
  });
  const actions = show(run);
  await userEvent.click(screen.getByRole('button', { name: 'load' }));
  expect(actions.openStep).toHaveBeenCalledWith(run, 'load');
  expect(screen.getByRole('button', { name: 'fit' })).toHaveProperty(
    'disabled',
    true
  );
  await userEvent.click(screen.getByRole('button', { name: /picture/ }));
  expect(actions.openPicture).toHaveBeenCalledWith('train');
});

it('begins a run from the form, which then goes away', async () => {
  const actions = show();
  await userEvent.click(screen.getByRole('button', { name: 'Run train …' }));
  const month = await screen.findByLabelText('month');
  await userEvent.clear(month);
  await userEvent.type(month, '7');
  await userEvent.click(screen.getByRole('button', { name: 'Run' }));
  expect(actions.launch).toHaveBeenCalledWith('train', {
    parameters: { month: '7' },
    force: false
  });
  expect(screen.queryByRole('form')).toBeNull();
});

it('stops a running one, or says why it cannot', async () => {
  const actions = show(
    pipelineRun({ id: 'b', status: 'running', ended_at: null })
  );
  actions.cancel.mockRejectedValueOnce(new Error('it has ended'));
  const stop = screen.getByRole('button', { name: 'Stop this run' });
  await userEvent.click(stop);
  expect(actions.cancel).toHaveBeenCalledWith('b');
  expect(screen.getByRole('alert').textContent).toBe('it has ended');
  await userEvent.click(stop);
  expect(screen.queryByRole('alert')).toBeNull();
});

it('shows the time as that of the reader', () => {
  show(pipelineRun({ started_at: THEN }));
  expect(screen.getByText('1 h')).toBeDefined();
});
