import { afterEach, beforeEach, expect, it } from 'vitest';
import { info, MemoryApi } from '../../__tests__/samples';
import { CurrentProject, ofProject } from '../model';

let api: MemoryApi;
let project: CurrentProject;
const settled = () => new Promise(resolve => setTimeout(resolve));

beforeEach(() => {
  api = new MemoryApi();
  project = new CurrentProject(api);
});

afterEach(() => project.dispose());

it('asks nothing while the panel is hidden', async () => {
  project.setPath('flights/a.ipynb');
  await project.touch();
  expect(api.asked).toEqual([]);
});

it('asks for the notebook that is active when the panel is shown', async () => {
  project.setPath('flights/a.ipynb');
  project.isActive = true;
  await settled();
  expect(api.asked).toEqual(['project flights/a.ipynb']);
  expect(project.info.value?.name).toBe('flights');
});

it('moves only when it is another project', async () => {
  const roots: (string | null)[] = [];
  project.moved.connect(({ info }) => roots.push(info.value?.root ?? null));
  project.isActive = true;
  await settled();
  project.setPath('flights/b.ipynb');
  await settled();
  api.answers.info = info({ name: 'churn', root: 'churn' });
  project.setPath('churn/c.ipynb');
  await settled();
  api.answers.info = info({ name: null, root: null });
  project.setPath('alone.ipynb');
  await settled();
  expect(roots).toEqual(['flights', 'churn', null]);
});

it('hears changes of its own project only', async () => {
  let touched = 0;
  project.touched.connect(() => (touched += 1));
  project.isActive = true;
  await settled();
  project.onChanged('churn');
  expect(touched).toBe(0);
  project.onChanged('flights');
  expect(touched).toBe(1);
});

it('fails when the server does, so that the poll slows down', async () => {
  project.isActive = true;
  api.down = new Error('away');
  await expect(project.refresh()).rejects.toThrow('away');
  expect(project.info.problem?.message).toBe('away');
});

it('gives a value of the project, and none without a project', async () => {
  const models = ofProject(project, (api, path) => api.models(path));
  models.isActive = true;
  project.isActive = true;
  await settled();
  expect(models.value).toEqual({ models: [] });
  api.answers.info = info({ name: null, root: null });
  project.setPath('alone.ipynb');
  await settled();
  expect(models.value).toBeNull();
});
