import { render, screen, waitFor, within } from '@testing-library/react';
import React from 'react';
import { beforeEach, expect, it, vi } from 'vitest';
import { certificate, run, trans } from '../../__tests__/samples';
import type { CodeCell, Run } from '../../wire';
import { type IRunDetailsProps, RunDetails } from '../RunDetails';

const cell: CodeCell = {
  position: 3,
  cell_id: null,
  source: 'model.fit(X, y)',
  duration_seconds: 0.41,
  error: null,
  files: []
};

function show(
  more: Partial<Run>,
  props: Partial<IRunDetailsProps> = {}
): ReturnType<typeof render> {
  return render(
    <RunDetails
      detail={{ run: run(more), cells: [cell] }}
      series={() => new Promise(() => undefined)}
      artifact={() => Promise.resolve(new Blob(['png']))}
      highlight={null}
      trans={trans}
      {...props}
    />
  );
}

beforeEach(() => {
  URL.createObjectURL = vi.fn(() => 'blob:figure');
  URL.revokeObjectURL = vi.fn();
});

it('shows all metrics and parameters', () => {
  show({
    metrics: { roc_auc: 0.794561 },
    parameters: { C: 1, solver: 'lbfgs' }
  });
  const metrics = screen.getByRole('table', { name: 'Metrics' });
  expect(within(metrics).getByRole('row').textContent).toBe('roc_auc0.7946');
  expect(within(metrics).getByTitle('0.794561')).toBeDefined();
  const parameters = screen.getByRole('table', { name: 'Parameters' });
  expect(within(parameters).getAllByRole('row')).toHaveLength(2);
});

it('tells the data that a run made from the data that it used', () => {
  const more = run({ data: ['clean@1', 'raw@2'] });
  const detail = { run: more, cells: [cell], made: ['clean@1'] };
  show({}, { detail });
  const value = (name: string): string | null | undefined =>
    screen.getByText(name).nextElementSibling?.textContent;
  expect(value('Data')).toBe('raw@2');
  expect(value('Data made')).toBe('clean@1');
});

it('shows the cells with their positions and times', () => {
  show({});
  expect(screen.getByText('model.fit(X, y)')).toBeDefined();
  expect(screen.getByText('[3]')).toBeDefined();
  expect(screen.getByText('410 ms')).toBeDefined();
});

it('colours the code when it can, and keeps it plain when that fails', async () => {
  const highlight = vi.fn((_source: string, node: HTMLElement) => {
    node.innerHTML = '<b>model</b>.fit(X, y)';
    return Promise.resolve();
  });
  const { unmount } = show({}, { highlight });
  await screen.findByText('model');
  unmount();
  const broken = vi.fn(() => Promise.reject(new Error('no such language')));
  show({}, { highlight: broken });
  await waitFor(() => expect(broken).toHaveBeenCalled());
  expect(screen.getByText('model.fit(X, y)')).toBeDefined();
});

const artifacts = [
  { name: 'roc.png', media_type: 'image/png', digest: 'd', size_bytes: 3 },
  { name: 'notes.txt', media_type: 'text/plain', digest: 'e', size_bytes: 1400 }
];

it('shows figures, and gives their memory back', async () => {
  const { unmount } = show({ artifacts });
  const image = await screen.findByRole('img', { name: 'Figure roc.png' });
  expect(image.getAttribute('src')).toBe('blob:figure');
  expect(screen.getByText('1.4 kB')).toBeDefined();
  unmount();
  expect(URL.revokeObjectURL).toHaveBeenCalledWith('blob:figure');
});

it('says why a figure cannot be shown', async () => {
  show(
    { artifacts },
    { artifact: () => Promise.reject(new Error('roc.png: damaged')) }
  );
  expect((await screen.findByRole('alert')).textContent).toBe(
    'roc.png: damaged'
  );
});

it.each<[Partial<Run>, string]>([
  [{ mlflow_run_id: 'abc' }, 'run abc'],
  [{ status: 'running', ended_at: null }, 'copied when the run ends'],
  [{}, 'waiting to be copied']
])('says what MLflow has: %o', (more, said) => {
  show(more);
  expect(screen.getByText(said)).toBeDefined();
});

it('says on which commit it ran', () => {
  show({ git_commit: '4f2c9e1b7a7a7a7a', git_dirty: true });
  expect(screen.getByText('4f2c9e1b + changes')).toBeDefined();
});

it('names the notebook by its file, the whole path as a tooltip', () => {
  show({ notebook: '/srv/notes/delays.ipynb' });
  expect(screen.getByText('delays.ipynb').title).toBe(
    '/srv/notes/delays.ipynb'
  );
});

it('says what became of executing it again, and the evidence as a tooltip', () => {
  show(
    {},
    {
      detail: {
        run: run(),
        cells: [],
        certificate: certificate({ notes: ['other packages now'] })
      }
    }
  );
  const said = screen.getByText(/^reproduced exactly · 3 cells · 1 h$/);
  expect(said.title).toBe('other packages now');
});
