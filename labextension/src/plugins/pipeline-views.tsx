import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  IThemeManager,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import React from 'react';
import { Live } from '../live';
import { mlopsIcon } from '../panel/icon';
import { LiveWidget } from '../panel/section';
import {
  ExecutedNotebook,
  type INotebookParts
} from '../pipelines/ExecutedNotebook';
import { logOf } from '../pipelines/model';
import { Picture } from '../pipelines/Picture';
import { StepLog } from '../pipelines/StepLog';
import {
  ICurrentProject,
  IPipelineOpener,
  type IPipelineView
} from '../tokens';

const OPEN = 'mlops:open-pipeline';

/** Milliseconds between two looks at what a running step prints. */
const LOG_INTERVAL = 1000;

/**
 * Opens steps, executed notebooks and pictures in the main area, and brings them back when the
 * browser is reloaded.
 */
export const pipelineOpenerPlugin: JupyterFrontEndPlugin<IPipelineOpener> = {
  id: 'mlops-jupyter:pipeline-opener',
  description: 'Opens what there is to see of a pipeline in the main area.',
  autoStart: true,
  provides: IPipelineOpener,
  requires: [
    ICurrentProject,
    IRenderMimeRegistry,
    IEditorServices,
    NotebookPanel.IContentFactory
  ],
  optional: [ITranslator, ILayoutRestorer, IThemeManager],
  activate: (
    app: JupyterFrontEnd,
    project: ICurrentProject,
    rendermime: IRenderMimeRegistry,
    editors: IEditorServices,
    contentFactory: NotebookPanel.IContentFactory,
    givenTranslator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    themes: IThemeManager | null
  ): IPipelineOpener => {
    const translator = givenTranslator ?? nullTranslator;
    const trans = translator.load('mlops_jupyter');
    const tracker = new WidgetTracker<View>({ namespace: 'mlops-pipeline' });
    const parts = { rendermime, contentFactory, editors, translator };
    const open = (view: IPipelineView, path: string) =>
      void app.commands.execute(OPEN, { ...view, path });

    const make = (view: IOpened) =>
      contentOf(view, { project, open, parts, themes });
    app.commands.addCommand(OPEN, {
      label: trans.__('Open a Pipeline'),
      describedBy: { args: ARGUMENTS },
      execute: args => {
        const view = args as unknown as IOpened;
        const opened =
          tracker.find(widget => widget.id === idOf(view)) ??
          viewOf(make(view), view);
        if (!tracker.has(opened)) {
          void tracker.add(opened);
          app.shell.add(opened, 'main', { mode: 'tab-after' });
        }
        app.shell.activateById(opened.id);
      }
    });
    void restorer?.restore(tracker, {
      command: OPEN,
      args: widget => ({ ...widget.opened }),
      name: widget => widget.id
    });
    return { open: view => open(view, project.path) };
  }
};

/** What the views are made with. */
interface IMaking {
  readonly project: ICurrentProject;
  readonly parts: INotebookParts;
  readonly themes: IThemeManager | null;
  open(view: IPipelineView, path: string): void;
}

/** Make what a view shows. */
function contentOf(view: IOpened, making: IMaking): Widget {
  const { path, pipeline, run, step } = view;
  const { project, parts } = making;
  const { api } = project;
  switch (view.kind) {
    case 'picture': {
      const live = new Live(() => api.picture(path, pipeline));
      project.touched.connect(() => void live.invalidate(), live);
      const picture = new Picture(live, parts.rendermime);
      making.themes?.themeChanged.connect(() => picture.redraw(), picture);
      return picture;
    }
    case 'notebook': {
      const live = new Live(() => api.executed(path, run, step));
      project.touched.connect(() => void live.invalidate(), live);
      return new ExecutedNotebook(live, parts);
    }
    case 'step':
      return stepOf(view, making);
  }
}

function stepOf(view: IOpened, making: IMaking): Widget {
  const { path, pipeline, run, step } = view;
  const live = logOf(making.project.api, path, run, step);
  const timer = window.setInterval(() => {
    if (!live.value?.isEnded) {
      void live.invalidate();
    }
  }, LOG_INTERVAL);
  const trans = making.parts.translator.load('mlops_jupyter');
  const widget = new LiveWidget(live, log => (
    <StepLog
      pipeline={pipeline}
      log={log}
      onNotebook={() => making.open({ ...view, kind: 'notebook' }, path)}
      trans={trans}
    />
  ));
  widget.disposed.connect(() => window.clearInterval(timer));
  widget.addClass('jp-Mlops-run');
  return widget;
}

/** What an open view is brought back by. */
interface IOpened extends IPipelineView {
  readonly path: string;
}

const ARGUMENTS = {
  type: 'object',
  properties: {
    kind: { enum: ['step', 'notebook', 'picture'] },
    pipeline: { type: 'string', description: 'Name of the pipeline' },
    run: { type: 'string', description: 'Id of its run' },
    step: { type: 'string', description: 'Name of the step' },
    path: {
      type: 'string',
      description: 'Path of a notebook of its project, from the server root'
    }
  },
  required: ['kind', 'pipeline', 'run', 'step', 'path']
} as const;

function idOf(view: IOpened): string {
  const { kind, pipeline, run, step } = view;
  return `mlops-pipeline-${kind}-${run || pipeline}-${step}`;
}

function viewOf(content: Widget, opened: IOpened): View {
  return new View(content, opened);
}

class View extends MainAreaWidget {
  constructor(
    content: Widget,
    readonly opened: IOpened
  ) {
    super({ content });
    const { kind, pipeline, run, step } = opened;
    this.id = idOf(opened);
    this.title.label =
      kind === 'picture' ? pipeline : kind === 'step' ? step : `${step}.ipynb`;
    this.title.caption = [pipeline, step, run].filter(Boolean).join(' · ');
    this.title.icon = mlopsIcon;
    this.title.closable = true;
    this.toolbar.hide();
  }
}
