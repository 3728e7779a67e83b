import { afterEach, beforeEach, expect, it } from 'vitest';
import { info, MemoryApi, run } from '../../__tests__/samples';
import { CurrentProject } from '../../project/model';
import { PAGE, RunsModel } from '../model';

let api: MemoryApi;
let project: CurrentProject;
let runs: RunsModel;
const settled = () => new Promise(resolve => setTimeout(resolve));

beforeEach(async () => {
  api = new MemoryApi();
  api.answers.runs = Array.from({ length: PAGE + 7 }, (_, i) =>
    run({ id: String(i) })
  );
  project = new CurrentProject(api);
  runs = new RunsModel(project);
  runs.page.isActive = true;
  project.isActive = true;
  await settled();
});

afterEach(() => {
  runs.dispose();
  project.dispose();
});

it('turns its pages, and stops at both ends', async () => {
  expect(runs.page.value?.runs).toHaveLength(PAGE);
  runs.newer();
  expect(runs.offset).toBe(0);
  runs.older();
  await settled();
  expect(runs.page.value?.runs).toHaveLength(7);
  expect(runs.hasOlder).toBe(false);
  runs.older();
  expect(runs.offset).toBe(PAGE);
  runs.newer();
  await settled();
  expect(runs.page.value?.runs[0]?.id).toBe('0');
});

it('shows a new run at once', async () => {
  api.answers.runs = [run({ name: 'new' }), ...api.answers.runs];
  project.onChanged('flights');
  await settled();
  expect(runs.page.value?.runs[0]?.name).toBe('new');
});

it('begins with the newest runs of another project', async () => {
  runs.older();
  await settled();
  api.answers.info = info({ name: 'churn', root: 'churn' });
  project.setPath('churn/a.ipynb');
  await settled();
  expect(runs.offset).toBe(0);
  expect(api.asked.at(-1)).toBe('runs 0');
});
