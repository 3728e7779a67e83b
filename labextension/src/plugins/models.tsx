import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import React from 'react';
import { ModelList } from '../models/ModelList';
import { Section } from '../panel/section';
import { ofProject } from '../project/model';
import { ICurrentProject, IMlopsPanel, IRunOpener } from '../tokens';

/**
 * Adds the section with the models.
 */
export const modelsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:models',
  description: 'The section of the side panel with the models.',
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
    const live = ofProject(project, (api, path) => api.models(path));
    const section = new Section(
      'mlops-models',
      trans.__('Models'),
      live,
      answer => (
        <ModelList
          answer={answer}
          onOpen={(id, name) => opener.open(id, name)}
          trans={trans}
        />
      )
    );
    panel.addSection(section, 40, 1.5);
  }
};
