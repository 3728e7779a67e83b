import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import React from 'react';
import { PipelineList } from '../pipelines/PipelineList';
import { Section } from '../panel/section';
import { ofProject } from '../project/model';
import { ICurrentProject, IMlopsPanel, IRunOpener } from '../tokens';

/**
 * Adds the section with the pipelines.
 */
export const pipelinesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:pipelines',
  description: 'The section of the side panel with the pipelines.',
  autoStart: true,
  requires: [ICurrentProject, IMlopsPanel, IRunOpener],
  optional: [ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    project: ICurrentProject,
    panel: IMlopsPanel,
    opener: IRunOpener,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const live = ofProject(project, (api, path) => api.pipelines(path));
    const section = new Section(
      'mlops-pipelines',
      trans.__('Pipelines'),
      live,
      answer => (
        <PipelineList
          answer={answer}
          onOpen={(id, name) => opener.open(id, name)}
          trans={trans}
        />
      )
    );
    panel.addSection(section, 30, 1);
  }
};
