import { Widget } from '@lumino/widgets';
import type { Live } from '../live';

/**
 * A value on the server, drawn by hand: kept up to date while it is on the screen.
 */
export abstract class LiveView<T> extends Widget {
  /**
   * @param live - The value; belongs to the widget from now on
   */
  constructor(protected readonly live: Live<T>) {
    super();
    live.changed.connect(this.draw, this);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.live.dispose();
      super.dispose();
    }
  }

  /**
   * Draw what is known of the value, or why there is none.
   */
  protected abstract draw(): void;

  protected override onAfterAttach(): void {
    this.live.isActive = this.isVisible;
  }

  protected override onAfterShow(): void {
    this.live.isActive = true;
  }

  protected override onAfterHide(): void {
    this.live.isActive = false;
  }
}
