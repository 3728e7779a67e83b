import type { IEditorServices } from '@jupyterlab/codeeditor';
import type { INotebookContent } from '@jupyterlab/nbformat';
import {
  type NotebookPanel,
  NotebookModel,
  StaticNotebook
} from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { ITranslator } from '@jupyterlab/translation';
import { PanelLayout, Widget } from '@lumino/widgets';
import type { Live } from '../live';
import { LiveView } from '../panel/view';

/**
 * What JupyterLab draws notebooks with.
 */
export interface INotebookParts {
  readonly rendermime: IRenderMimeRegistry;
  readonly contentFactory: NotebookPanel.IContentFactory;
  readonly editors: IEditorServices;
  readonly translator: ITranslator;
}

/**
 * A notebook as a step has executed it so far: to be read, never run or saved.
 *
 * #### Notes
 * It lies in a hidden folder, which JupyterLab's own documents do not reach. Nobody has signed
 * it, so nothing in it is trusted: HTML is sanitized, scripts do not run.
 */
export class ExecutedNotebook extends LiveView<INotebookContent> {
  /**
   * @param live - The content; belongs to the widget from now on
   */
  constructor(live: Live<INotebookContent>, parts: INotebookParts) {
    super(live);
    this.addClass('jp-Mlops-executed');
    this._notebook = new StaticNotebook({
      rendermime: parts.rendermime,
      contentFactory: parts.contentFactory,
      mimeTypeService: parts.editors.mimeTypeService,
      translator: parts.translator,
      languagePreference: 'python',
      notebookConfig: {
        ...StaticNotebook.defaultNotebookConfig,
        windowingMode: 'none'
      }
    });
    this._notebook.addClass('jp-Notebook');
    const layout = new PanelLayout();
    layout.addWidget(this._problem);
    layout.addWidget(this._notebook);
    this.layout = layout;
    this._problem.addClass('jp-Mlops-problem');
    this._problem.hide();
  }

  protected override draw(): void {
    const { problem, value } = this.live;
    this._problem.setHidden(problem === null);
    this._problem.node.textContent = problem?.message ?? '';
    const text = JSON.stringify(value);
    if (value === null || text === this._shown) {
      return;
    }
    this._shown = text;
    const model = new NotebookModel();
    model.fromJSON(toRead(value));
    const { scrollTop } = this.node;
    this._notebook.model?.dispose();
    this._notebook.model = model;
    this.node.scrollTop = scrollTop;
  }

  private _shown = '';
  private readonly _problem = new Widget();
  private readonly _notebook: StaticNotebook;
}

/** Return a notebook whose cells are neither edited nor trusted, whatever it says itself. */
function toRead(content: INotebookContent): INotebookContent {
  return {
    ...content,
    cells: content.cells.map(cell => ({
      ...cell,
      metadata: { ...cell.metadata, editable: false, trusted: false }
    }))
  };
}
