import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryApi } from '../../__tests__/samples';
import { RequestError } from '../../request';
import { type IOpenNotebook, QUIET, StateModel } from '../model';

class Notebook implements IOpenNotebook {
  path = 'flights/a.ipynb';
  sources = ['a = 1'];
  readonly edited = new Signal<this, void>(this);

  get cells(): IOpenNotebook['cells'] {
    return this.sources.map((source, i) => ({
      id: String(i),
      source,
      may_raise: false
    }));
  }

  write(...sources: string[]): void {
    this.sources = sources;
    this.edited.emit();
  }
}

let api: MemoryApi;
let notebook: Notebook;
let model: StateModel;

beforeEach(() => {
  vi.useFakeTimers();
  api = new MemoryApi();
  notebook = new Notebook();
  model = new StateModel(api, notebook);
});

afterEach(() => {
  model.dispose();
  vi.useRealTimers();
});

const later = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);

it('asks nothing while the notebook is hidden', async () => {
  notebook.write('a = 2');
  model.onExecuted();
  await later(QUIET);
  expect(api.asked).toEqual([]);
});

it('asks for the cells as they are when the notebook is shown', async () => {
  model.state.isActive = true;
  await later();
  expect(api.asked).toEqual(['state flights/a.ipynb: a = 1']);
  expect(model.state.value?.verdict).toBe('reproducible');
});

it('waits until the typing rests', async () => {
  model.state.isActive = true;
  await later();
  for (const text of ['a', 'a =', 'a = 3']) {
    notebook.write(text);
    await later(QUIET / 2);
  }
  expect(api.asked).toHaveLength(1);
  await later(QUIET);
  expect(api.asked.slice(1)).toEqual(['state flights/a.ipynb: a = 3']);
});

it('does not ask again when only outputs changed', async () => {
  model.state.isActive = true;
  await later();
  notebook.write('a = 1');
  await later(QUIET);
  expect(api.asked).toHaveLength(1);
});

it('asks again after an execution', async () => {
  model.state.isActive = true;
  await later();
  model.onExecuted();
  await later();
  expect(api.asked).toHaveLength(2);
});

it('shows nothing outside of a project, and leaves the server alone', async () => {
  api.down = new RequestError('no project', 'mlops init', 404);
  model.state.isActive = true;
  await later();
  expect([model.state.value, model.state.problem]).toEqual([null, null]);
  notebook.write('a = 2');
  await later(QUIET);
  expect(api.asked).toHaveLength(1);
  api.down = null;
  model.onExecuted();
  await later();
  expect(model.state.value?.verdict).toBe('reproducible');
});

it('asks again when a server that was away may be back', async () => {
  api.down = new RequestError('away', null, 0);
  model.state.isActive = true;
  await later();
  api.down = null;
  notebook.write('a = 2');
  await later(QUIET);
  expect(model.state.value?.verdict).toBe('reproducible');
});

it('asks nothing after its end', async () => {
  model.state.isActive = true;
  await later();
  notebook.write('a = 2');
  model.dispose();
  await later(QUIET);
  notebook.write('a = 3');
  await later(QUIET);
  expect(api.asked).toHaveLength(1);
});
