import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import type { IApi } from '../api';
import { Live } from '../live';
import { RequestError } from '../request';
import type { LiveCell, NotebookState } from '../wire';

/** Milliseconds without a further edit until the state is looked at. */
export const QUIET = 400;

/**
 * What the model needs of a notebook that is open.
 */
export interface IOpenNotebook {
  /** From the server's root. */
  readonly path: string;

  /** The code cells as they are in the editor, saved or not. */
  readonly cells: LiveCell[];

  /** Emitted when a cell was edited, moved, added or deleted, or perhaps not. */
  readonly edited: ISignal<unknown, unknown>;
}

/**
 * The state of one open notebook, kept up to date while it is on the screen.
 *
 * #### Notes
 * The value is null where there is no project, and no answer: a notebook that works is not
 * covered with our problems.
 */
export class StateModel implements IDisposable {
  /**
   * @param api - The routes of the server
   * @param notebook - The notebook
   */
  constructor(
    private readonly api: IApi,
    private readonly notebook: IOpenNotebook
  ) {
    this.state = new Live(() => this.look());
    this._quiet = new Debouncer(() => this.onQuiet(), QUIET);
    notebook.edited.connect(this.onEdited, this);
  }

  /** The state. */
  readonly state: Live<NotebookState>;

  /**
   * Say that cells were executed, or that the kernel is another one.
   */
  onExecuted(): void {
    this._hasProject = true;
    void this.state.invalidate();
  }

  get isDisposed(): boolean {
    return this.state.isDisposed;
  }

  dispose(): void {
    this.notebook.edited.disconnect(this.onEdited, this);
    this._quiet.dispose();
    this.state.dispose();
  }

  private onEdited(): void {
    // who types outside of a project does not make the server look for one
    if (this._hasProject) {
      // rejected when it is disposed before it is quiet
      this._quiet.invoke().catch(() => undefined);
    }
  }

  private onQuiet(): void {
    // outputs count as edits for JupyterLab
    if (this._asked !== this.question()) {
      void this.state.invalidate();
    }
  }

  private question(): string {
    return JSON.stringify([this.notebook.path, this.notebook.cells]);
  }

  private async look(): Promise<NotebookState | null> {
    const { path, cells } = this.notebook;
    this._asked = this.question();
    try {
      return await this.api.notebookState(path, { cells });
    } catch (error) {
      this._hasProject = !(
        error instanceof RequestError && error.status === 404
      );
      return null;
    }
  }

  private _asked = '';
  private _hasProject = true;
  private readonly _quiet: Debouncer;
}
