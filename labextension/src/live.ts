import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

/**
 * What went wrong, in words.
 */
export interface IProblem {
  /** One line: what is wrong. */
  readonly message: string;

  /** One line: what to do, where it is known. */
  readonly hint: string | null;
}

/**
 * A value on the server, as it was at the last look.
 */
export interface ILive<T> {
  /** The value; null until the first answer. */
  readonly value: T | null;

  /** Why the last look failed; null when it did not. */
  readonly problem: IProblem | null;

  /** Emitted when the value or the problem is another one. */
  readonly changed: ISignal<ILive<T>, void>;
}

/**
 * A value on the server that is looked at again while somebody watches.
 *
 * #### Notes
 * One look at a time: whatever is asked for during a look is done by one more look after it.
 * A look that fails leaves the value as it was.
 */
export class Live<T> implements ILive<T>, IDisposable {
  /**
   * @param look - Fetch the value; null when there is nothing to ask for
   */
  constructor(private readonly look: () => Promise<T | null>) {}

  get value(): T | null {
    return this._value;
  }

  get problem(): IProblem | null {
    return this._problem;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Whether somebody watches. Becoming active looks, if the value may be out of date.
   */
  get isActive(): boolean {
    return this._isActive;
  }
  set isActive(active: boolean) {
    this._isActive = active;
    if (active && this._isStale) {
      void this.refresh();
    }
  }

  /**
   * Say that the value may be out of date: look now, or when somebody watches again.
   *
   * @returns a promise that is kept when the value is up to date, if somebody watches
   */
  async invalidate(): Promise<void> {
    this._isStale = true;
    if (this._isActive) {
      await this.refresh();
    }
  }

  /**
   * Forget the value, because it is of another place now.
   */
  clear(): void {
    this._era += 1;
    this.set(null, null);
    void this.invalidate();
  }

  /**
   * Look, whether somebody watches or not.
   */
  async refresh(): Promise<void> {
    this._isStale = true;
    this._looking ??= this.lookUntilFresh();
    await this._looking;
  }

  dispose(): void {
    this._isDisposed = true;
    this._isActive = false;
    this._era += 1;
    Signal.clearData(this);
  }

  private async lookUntilFresh(): Promise<void> {
    while (this._isStale && !this._isDisposed) {
      this._isStale = false;
      const era = this._era;
      try {
        const value = await this.look();
        if (era === this._era) {
          this.set(value, null);
        }
      } catch (error) {
        if (era === this._era) {
          this.set(this._value, inWords(error));
        }
      }
    }
    // here, not when the promise is kept: who asks in between would wait for a look that is over
    this._looking = null;
  }

  private set(value: T | null, problem: IProblem | null): void {
    this._value = value;
    this._problem = problem;
    this._changed.emit();
  }

  private _value: T | null = null;
  private _problem: IProblem | null = null;
  private _looking: Promise<void> | null = null;
  private _isStale = true;
  private _isActive = false;
  private _isDisposed = false;
  private _era = 0;
  private readonly _changed = new Signal<this, void>(this);
}

/**
 * Return why something failed.
 */
export function inWords(error: unknown): IProblem {
  const { message, hint } = error as Partial<IProblem>;
  return { message: message ?? String(error), hint: hint ?? null };
}
