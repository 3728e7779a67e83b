import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import React from 'react';
import type { IDeeds } from '../models/DecideDialog';
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
    const { api } = project;
    const then = async <T,>(deed: Promise<T>): Promise<T> => {
      try {
        return await deed;
      } finally {
        // also when it was refused: because the model is not as the reader saw it
        await live.invalidate();
      }
    };
    const deeds: IDeeds = {
      approve: async (model, request) => {
        await then(api.approve(project.path, model, request));
      },
      promote: (model, request) =>
        then(api.promote(project.path, model, request)),
      rollback: async (model, request) => {
        await then(api.rollback(project.path, model, request));
      }
    };
    const section = new Section(
      'mlops-models',
      trans.__('Models'),
      live,
      answer => (
        <ModelList
          answer={answer}
          deeds={deeds}
          onOpen={(id, name) => opener.open(id, name)}
          trans={trans}
        />
      )
    );
    panel.addSection(section, 40, 1.5);
  }
};
