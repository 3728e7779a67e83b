import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { dataPlugin } from './plugins/data';
import { modelsPlugin } from './plugins/models';
import { notebookPlugin } from './plugins/notebook';
import { panelPlugin } from './plugins/panel';
import { pipelineOpenerPlugin } from './plugins/pipeline-views';
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
  pipelineOpenerPlugin,
  pipelinesPlugin,
  modelsPlugin,
  notebookPlugin
];

export default plugins;
