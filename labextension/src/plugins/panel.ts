import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { mlopsIcon } from '../panel/icon';
import { MlopsPanel } from '../panel/panel';
import { ICurrentProject, IMlopsPanel } from '../tokens';

const SHOW = 'mlops:show-panel';

/** Key of the state database: the ids of the sections that are closed. */
const CLOSED = 'mlops-jupyter:closed-sections';

/**
 * Gives the side panel, to which the other plugins add their sections.
 */
export const panelPlugin: JupyterFrontEndPlugin<IMlopsPanel> = {
  id: 'mlops-jupyter:panel',
  description: 'The MLOps side panel.',
  autoStart: true,
  provides: IMlopsPanel,
  requires: [ICurrentProject],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    project: ICurrentProject,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ): IMlopsPanel => {
    const panel = new MlopsPanel(project, translator ?? nullTranslator);
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    panel.id = 'mlops-panel';
    panel.title.icon = mlopsIcon;
    panel.title.caption = trans.__('MLOps: runs, data, pipelines, models');
    app.shell.add(panel, 'left', { rank: 900, type: 'MLOps' });
    restorer?.add(panel, panel.id);
    addCommand(app, panel, trans.__('Show the MLOps Panel'));
    palette?.addItem({ command: SHOW, category: trans.__('MLOps') });
    if (state) {
      void app.restored.then(() => rememberClosed(panel, state));
    }
    return panel;
  }
};

function addCommand(
  app: JupyterFrontEnd,
  panel: MlopsPanel,
  label: string
): void {
  app.commands.addCommand(SHOW, {
    label,
    icon: mlopsIcon,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => app.shell.activateById(panel.id)
  });
}

async function rememberClosed(
  panel: MlopsPanel,
  state: IStateDB
): Promise<void> {
  const { accordion } = panel;
  const closed = await state.fetch(CLOSED);
  if (Array.isArray(closed)) {
    panel.widgets.forEach((section, i) => {
      if (closed.includes(section.id)) {
        accordion.collapse(i);
      }
    });
  }
  accordion.expansionToggled.connect(() => {
    const ids = panel.widgets.filter(w => w.isHidden).map(w => w.id);
    void state.save(CLOSED, ids);
  });
}
