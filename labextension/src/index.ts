import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { dataPlugin } from './plugins/data';
import { modelsPlugin } from './plugins/models';
import { notebookPlugin } from './plugins/notebook';
import { panelPlugin } from './plugins/panel';
import { pipelinesPlugin } from './plugins/pipelines';
import { projectPlugin } from './plugins/project';
import { runOpenerPlugin, runsPlugin } from './plugins/runs';

export * from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  projectPlugin,
  panelPlugin,
  runOpenerPlugin,
  runsPlugin,
  dataPlugin,
  pipelinesPlugin,
  modelsPlugin,
  notebookPlugin
];

export default plugins;
