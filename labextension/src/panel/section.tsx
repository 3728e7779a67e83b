import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';
import type { Live } from '../live';
import { Problem } from '../parts/parts';

/**
 * A value on the server as a widget: kept up to date while it is on the screen.
 */
export class LiveWidget<T> extends ReactWidget {
  /**
   * @param live - The value; belongs to the widget from now on
   * @param view - Draws the value
   */
  constructor(
    private readonly live: Live<T>,
    private readonly view: (value: T) => JSX.Element
  ) {
    super();
  }

  override dispose(): void {
    this.live.dispose();
    super.dispose();
  }

  protected override render(): JSX.Element {
    const { live, view } = this;
    return (
      <UseSignal signal={live.changed}>
        {() => (
          <>
            {live.problem && <Problem problem={live.problem} />}
            {live.value !== null && view(live.value)}
          </>
        )}
      </UseSignal>
    );
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.live.isActive = this.isVisible;
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.live.isActive = true;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.live.isActive = false;
  }
}

/**
 * A section of the side panel.
 */
export class Section<T> extends LiveWidget<T> {
  /**
   * @param id - Id of the widget
   * @param label - Title of the section
   */
  constructor(
    id: string,
    label: string,
    live: Live<T>,
    view: (value: T) => JSX.Element
  ) {
    super(live, view);
    this.id = id;
    this.title.label = label;
    this.addClass('jp-Mlops-section');
  }
}
