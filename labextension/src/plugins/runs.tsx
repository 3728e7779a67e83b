import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import React from 'react';
import { mlopsIcon } from '../panel/icon';
import { LiveWidget, Section } from '../panel/section';
import { Live } from '../live';
import { type Highlight, RunDetails } from '../runs/RunDetails';
import { RunList } from '../runs/RunList';
import { RunsModel } from '../runs/model';
import type { ITranslate } from '../text';
import { ICurrentProject, IMlopsPanel, IRunOpener } from '../tokens';
import type { RunDetail } from '../wire';

const OPEN = 'mlops:open-run';

/**
 * Opens runs in the main area, and brings them back when the browser is reloaded.
 */
export const runOpenerPlugin: JupyterFrontEndPlugin<IRunOpener> = {
  id: 'mlops-jupyter:run-opener',
  description: 'Opens the details of a run in the main area.',
  autoStart: true,
  provides: IRunOpener,
  requires: [ICurrentProject],
  optional: [ITranslator, ILayoutRestorer, IEditorLanguageRegistry],
  activate: (
    app: JupyterFrontEnd,
    project: ICurrentProject,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    languages: IEditorLanguageRegistry | null
  ): IRunOpener => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const tracker = new WidgetTracker<RunWidget>({ namespace: 'mlops-run' });
    const highlight: Highlight | null =
      languages &&
      ((source, node) =>
        languages.highlight(source, languages.findByName('ipython'), node));
    app.commands.addCommand(OPEN, {
      label: trans.__('Open a Run'),
      describedBy: { args: ARGUMENTS },
      execute: args => {
        // links below cells do not know the path: they mean the notebook that they stand in
        const { id, name, path = project.path } = args as unknown as ILinked;
        const opened =
          tracker.find(widget => widget.opened.id === id) ??
          openRun({ id, name, path }, project, highlight, trans);
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
      name: widget => widget.opened.id
    });
    return {
      open: (id, name) => {
        void app.commands.execute(OPEN, { id, name, path: project.path });
      }
    };
  }
};

/**
 * Adds the section with the runs.
 */
export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:runs',
  description: 'The section of the side panel with the runs.',
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
    const model = new RunsModel(project);
    const section = new Section(
      'mlops-runs',
      trans.__('Runs'),
      model.page,
      page => (
        <RunList
          page={page}
          offset={model.offset}
          onOpen={run => opener.open(run.id, run.name)}
          onNewer={() => model.newer()}
          onOlder={() => model.older()}
          trans={trans}
        />
      )
    );
    panel.addSection(section, 10, 1.6);
  }
};

/** What an open run is brought back by. */
interface IOpened {
  readonly id: string;
  readonly name: string;
  readonly path: string;
}

/** What a link says of a run. */
type ILinked = Omit<IOpened, 'path'> & Partial<Pick<IOpened, 'path'>>;

const ARGUMENTS = {
  type: 'object',
  properties: {
    id: { type: 'string', description: 'Id of the run' },
    name: { type: 'string', description: 'Name of the run' },
    path: {
      type: 'string',
      description: 'Path of a notebook of its project, from the server root'
    }
  },
  required: ['id', 'name']
} as const;

class RunWidget extends MainAreaWidget<LiveWidget<RunDetail>> {
  constructor(
    content: LiveWidget<RunDetail>,
    readonly opened: IOpened
  ) {
    super({ content });
    this.id = `mlops-run-${opened.id}`;
    this.title.label = opened.name;
    this.title.caption = opened.id;
    this.title.icon = mlopsIcon;
    this.title.closable = true;
    this.toolbar.hide();
  }
}

function openRun(
  opened: IOpened,
  project: ICurrentProject,
  highlight: Highlight | null,
  trans: ITranslate
): RunWidget {
  const { id, path } = opened;
  const artifact = (name: string) => project.api.artifact(path, id, name);
  const series = () => project.api.series(path, id);
  const live = new Live(() => project.api.run(path, id));
  project.touched.connect(() => void live.invalidate(), live);
  const content = new LiveWidget(live, detail => (
    <RunDetails
      detail={detail}
      series={series}
      artifact={artifact}
      highlight={highlight}
      trans={trans}
    />
  ));
  content.addClass('jp-Mlops-run');
  return new RunWidget(content, opened);
}
