import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  INotebookTracker,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Api } from '../api';
import { CurrentProject } from '../project/model';
import { ICurrentProject } from '../tokens';

/** The event that the server emits when a project changed. */
const CHANGED = 'urn:mlops-jupyter:changed';

/**
 * Gives the project around the active notebook, and hears when it changes.
 */
export const projectPlugin: JupyterFrontEndPlugin<ICurrentProject> = {
  id: 'mlops-jupyter:project',
  description: 'The project around the active notebook.',
  autoStart: true,
  provides: ICurrentProject,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const project = new CurrentProject(
      new Api(app.serviceManager.serverSettings, trans)
    );
    followNotebook(app, tracker, project);
    hearChanges(app, project);
    return project;
  }
};

function followNotebook(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  project: CurrentProject
): void {
  const { contents } = app.serviceManager;
  const follow = (panel: NotebookPanel | null) => {
    if (panel && panel === tracker.currentWidget) {
      // without the drive: real-time collaboration puts one before the path
      project.setPath(contents.localPath(panel.context.path));
    }
  };
  tracker.currentChanged.connect((_, panel) => follow(panel));
  tracker.widgetAdded.connect((_, panel) => {
    panel.context.pathChanged.connect(() => follow(panel), panel);
  });
}

function hearChanges(app: JupyterFrontEnd, project: CurrentProject): void {
  // commits of any process: other kernels, papermill, a terminal
  app.serviceManager.events.stream.connect((_, event) => {
    if (event.schema_id === CHANGED && typeof event.project === 'string') {
      project.onChanged(event.project);
    }
  });
  // what a cell recorded is in the catalog before its reply
  NotebookActions.executed.connect(() => void project.touch());
  // what happened while the browser showed another tab
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && project.isActive) {
      void project.touch();
    }
  });
}
