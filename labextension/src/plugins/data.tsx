import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import React from 'react';
import { DatasetList } from '../data/DatasetList';
import { Section } from '../panel/section';
import { ofProject } from '../project/model';
import { ICurrentProject, IMlopsPanel } from '../tokens';

/**
 * Adds the section with the data versions.
 */
export const dataPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:data',
  description: 'The section of the side panel with the data versions.',
  autoStart: true,
  requires: [ICurrentProject, IMlopsPanel],
  optional: [ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    project: ICurrentProject,
    panel: IMlopsPanel,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const live = ofProject(project, (api, path) => api.datasets(path));
    const section = new Section(
      'mlops-data',
      trans.__('Data'),
      live,
      answer => <DatasetList answer={answer} trans={trans} />
    );
    panel.addSection(section, 20, 0.8);
  }
};
