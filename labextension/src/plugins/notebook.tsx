import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  INotebookTracker,
  type NotebookPanel,
  NotebookActions
} from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';
import { type IOpenNotebook, StateModel } from '../notebook/model';
import { cellReason, StateBadge } from '../notebook/StateBadge';
import type { ITranslate } from '../text';
import { ICurrentProject } from '../tokens';
import type { LiveCell, NotebookState } from '../wire';

/** Before the name of the kernel; at this place where there is none. */
const RANK = 30;

/**
 * Shows in the toolbar of each notebook whether running all of it gives what it shows.
 */
export const notebookPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:notebook-state',
  description: 'The state of a notebook, in its toolbar and beside its cells.',
  autoStart: true,
  requires: [INotebookTracker, ICurrentProject],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    project: ICurrentProject,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const { contents } = app.serviceManager;
    const follow = (panel: NotebookPanel) => {
      const notebook = opened(panel, path => contents.localPath(path));
      const model = new StateModel(project.api, notebook);
      const badge = new StateWidget(model, panel, trans);
      const { toolbar } = panel;
      if (!toolbar.insertBefore('kernelName', 'mlopsState', badge)) {
        toolbar.insertItem(RANK, 'mlopsState', badge);
      }
      project.touched.connect(() => model.onExecuted(), badge);
      panel.disposed.connect(() => badge.dispose());
    };
    tracker.forEach(follow);
    tracker.widgetAdded.connect((_, panel) => follow(panel));
  }
};

/** The notebook of a panel, as the model sees it. */
function opened(
  panel: NotebookPanel,
  localPath: (path: string) => string
): IOpenNotebook {
  return {
    get path() {
      return localPath(panel.context.path);
    },
    get cells() {
      return codeCells(panel);
    },
    edited: panel.context.model.contentChanged
  };
}

function codeCells(panel: NotebookPanel): LiveCell[] {
  const cells = Array.from(panel.content.model?.cells ?? []);
  return cells
    .filter(cell => cell.type === 'code')
    .map(cell => {
      const tags: unknown = cell.getMetadata('tags');
      return {
        id: cell.id,
        source: cell.sharedModel.getSource(),
        may_raise: Array.isArray(tags) && tags.includes('raises-exception')
      };
    });
}

/**
 * The badge in the toolbar; looks only while it is on the screen.
 */
class StateWidget extends ReactWidget {
  constructor(
    private readonly model: StateModel,
    private readonly panel: NotebookPanel,
    private readonly trans: ITranslate
  ) {
    super();
    this.addClass('jp-Mlops-notebookStateItem');
    model.state.changed.connect(this.mark, this);
    panel.sessionContext.statusChanged.connect(this.onKernel, this);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.panel.sessionContext.statusChanged.disconnect(this.onKernel, this);
      this.model.dispose();
      super.dispose();
    }
  }

  protected override render(): JSX.Element {
    return (
      <UseSignal signal={this.model.state.changed}>
        {() => (
          <StateBadge
            state={this.model.state.value}
            onOpen={id => this.open(id)}
            trans={this.trans}
          />
        )}
      </UseSignal>
    );
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.model.state.isActive = this.isVisible;
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.model.state.isActive = true;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.model.state.isActive = false;
  }

  private open(id: string): void {
    const { content } = this.panel;
    const index = content.widgets.findIndex(cell => cell.model.id === id);
    if (index >= 0) {
      content.activeCellIndex = index;
      void NotebookActions.focusActiveCell(content);
      void content.scrollToItem(index);
    }
  }

  private onKernel(_: unknown, status: string): void {
    if (ENDS.has(status)) {
      this._isOther = true;
    } else if (this._isOther && status === 'idle') {
      this._isOther = false;
      this.model.onExecuted();
    }
  }

  /** Mark the cells: the style sheet draws a sign beside those that need a look. */
  private mark(): void {
    const state = this.model.state.value;
    const found = new Map(state?.cells.map(cell => [cell.cell_id, cell]));
    for (const cell of this.panel.content.widgets) {
      const said = found.get(cell.model.id);
      const prompt = cell.inputArea?.promptNode;
      if (said && SHOWN.has(said.state)) {
        cell.node.dataset.mlopsState = said.state;
        prompt?.setAttribute('title', cellReason(said, this.trans));
      } else {
        delete cell.node.dataset.mlopsState;
        prompt?.removeAttribute('title');
      }
    }
  }

  private _isOther = false;
}

/** States of a kernel after which it is another one. */
const ENDS = new Set(['restarting', 'autorestarting', 'starting', 'dead']);

const SHOWN = new Set<NotebookState['verdict']>(['stale', 'not_reproducible']);
