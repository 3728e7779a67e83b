import type { IDisposable } from '@lumino/disposable';
import type { Live } from '../live';
import { ofProject } from '../project/model';
import type { ICurrentProject } from '../tokens';
import type { RunPage } from '../wire';

/** Runs shown at once. */
export const PAGE = 50;

/**
 * One page of the runs of the current project.
 */
export class RunsModel implements IDisposable {
  constructor(private readonly project: ICurrentProject) {
    // before the page hears of it, which looks at once
    project.moved.connect(this.toNewest, this);
    this.page = ofProject(project, (api, path) =>
      api.runs(path, PAGE, this._offset)
    );
  }

  /** The page. */
  readonly page: Live<RunPage>;

  /** How many runs are newer than the page. */
  get offset(): number {
    return this._offset;
  }

  /** Whether there are runs older than the page. */
  get hasOlder(): boolean {
    return this._offset + PAGE < (this.page.value?.total ?? 0);
  }

  /** Turn to older runs. */
  older(): void {
    if (this.hasOlder) {
      this.turnTo(this._offset + PAGE);
    }
  }

  /** Turn to newer runs. */
  newer(): void {
    this.turnTo(Math.max(0, this._offset - PAGE));
  }

  get isDisposed(): boolean {
    return this.page.isDisposed;
  }

  dispose(): void {
    this.project.moved.disconnect(this.toNewest, this);
    this.page.dispose();
  }

  private toNewest(): void {
    this._offset = 0;
  }

  private turnTo(offset: number): void {
    this._offset = offset;
    void this.page.invalidate();
  }

  private _offset = 0;
}
