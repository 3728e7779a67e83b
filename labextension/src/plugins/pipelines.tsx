import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import React from 'react';
import { type IPipelineActions, PipelineList } from '../pipelines/PipelineList';
import { Section } from '../panel/section';
import { ofProject } from '../project/model';
import {
  ICurrentProject,
  IMlopsPanel,
  IPipelineOpener,
  IRunOpener
} from '../tokens';

/**
 * Adds the section with the pipelines.
 */
export const pipelinesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:pipelines',
  description: 'The section of the side panel with the pipelines.',
  autoStart: true,
  requires: [ICurrentProject, IMlopsPanel, IRunOpener, IPipelineOpener],
  optional: [ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    project: ICurrentProject,
    panel: IMlopsPanel,
    runs: IRunOpener,
    views: IPipelineOpener,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const live = ofProject(project, (api, path) => api.pipelines(path));
    const { api } = project;
    const actions: IPipelineActions = {
      parameters: name => api.parameters(project.path, name),
      launch: async (name, request) => {
        await api.launch(project.path, name, request);
        await live.invalidate();
      },
      cancel: async id => {
        await api.cancel(project.path, id);
        await live.invalidate();
      },
      openRun: (id, name) => runs.open(id, name),
      openStep: ({ id, pipeline }, step) =>
        views.open({ kind: 'step', pipeline, run: id, step }),
      openPicture: pipeline =>
        views.open({ kind: 'picture', pipeline, run: '', step: '' })
    };
    const section = new Section(
      'mlops-pipelines',
      trans.__('Pipelines'),
      live,
      answer => <PipelineList answer={answer} actions={actions} trans={trans} />
    );
    panel.addSection(section, 30, 1);
  }
};
