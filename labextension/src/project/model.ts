import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';
import type { IApi } from '../api';
import { Live } from '../live';
import type { ICurrentProject } from '../tokens';
import type { ProjectInfo } from '../wire';

/** Seconds between two looks when no event comes. */
const SAFETY_SECONDS = 30;

/**
 * The project around the active notebook, kept up to date while the panel is on the screen.
 *
 * #### Notes
 * Events say when to look. Those that come while the connection is lost are never seen, so
 * there is a slow look besides, which rests while the panel or the browser's tab is hidden.
 */
export class CurrentProject implements ICurrentProject, IDisposable {
  constructor(readonly api: IApi) {
    this.info = new Live(() => api.project(this._path));
    this.info.changed.connect(this.onInfo, this);
    this._poll = new Poll({
      name: 'mlops-jupyter:project',
      factory: () => this.refresh(),
      frequency: {
        interval: SAFETY_SECONDS * 1000,
        max: 10 * SAFETY_SECONDS * 1000,
        backoff: true
      },
      standby: () => (this.isActive ? 'when-hidden' : true)
    });
  }

  readonly info: Live<ProjectInfo>;

  get path(): string {
    return this._path;
  }

  get moved(): ISignal<this, void> {
    return this._moved;
  }

  get touched(): ISignal<this, void> {
    return this._touched;
  }

  get isActive(): boolean {
    return this.info.isActive;
  }
  set isActive(active: boolean) {
    this.info.isActive = active;
  }

  /**
   * Follow another notebook.
   */
  setPath(path: string): void {
    if (path !== this._path) {
      this._path = path;
      void this.info.invalidate();
    }
  }

  /**
   * Hear from the server that a project changed.
   *
   * @param root - The project's folder, from the server's root
   */
  onChanged(root: string): void {
    if (root === this._root) {
      void this.touch();
    }
  }

  /**
   * Say that something in this project may have changed.
   */
  async touch(): Promise<void> {
    this._touched.emit();
    await this.info.invalidate();
  }

  /**
   * Look at everything again.
   *
   * @throws Error when the server cannot say which project it is, so that the poll backs off
   */
  async refresh(): Promise<void> {
    await this.touch();
    if (this.info.problem) {
      throw new Error(this.info.problem.message);
    }
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
    this.info.dispose();
    Signal.clearData(this);
  }

  private onInfo(): void {
    const root = this.info.value?.root ?? null;
    if (root !== this._root) {
      this._root = root;
      this._moved.emit();
    }
  }

  private _path = '';
  private readonly _poll: Poll;
  private _root: string | null = null;
  private readonly _moved = new Signal<this, void>(this);
  private readonly _touched = new Signal<this, void>(this);
}

/**
 * Make a value of the current project: fetched anew when the project changed, forgotten when
 * it is another one, null while there is none.
 *
 * @param look - Fetch the value for the notebook at a path
 */
export function ofProject<T>(
  project: ICurrentProject,
  look: (api: IApi, path: string) => Promise<T>
): Live<T> {
  const live = new Live<T>(async () =>
    project.info.value?.name ? look(project.api, project.path) : null
  );
  project.touched.connect(() => void live.invalidate(), live);
  project.moved.connect(() => live.clear(), live);
  return live;
}
