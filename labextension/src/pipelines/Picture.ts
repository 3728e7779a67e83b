import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { MimeModel } from '@jupyterlab/rendermime';
import { Widget, PanelLayout } from '@lumino/widgets';
import type { Live } from '../live';
import type { PipelinePicture } from '../wire';

const MERMAID = 'text/vnd.mermaid';

/**
 * The steps of a pipeline as a picture, which JupyterLab itself draws; where it cannot, as the
 * text of the picture.
 */
export class Picture extends Widget {
  /**
   * @param live - The picture; belongs to the widget from now on
   */
  constructor(
    private readonly live: Live<PipelinePicture>,
    private readonly rendermime: IRenderMimeRegistry
  ) {
    super();
    this.addClass('jp-Mlops-picture');
    this.layout = new PanelLayout();
    live.changed.connect(this.draw, this);
  }

  /**
   * Draw it again, because the colours around it are others.
   */
  redraw(): void {
    this._shown = '';
    this.draw();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.live.dispose();
      super.dispose();
    }
  }

  protected override onAfterAttach(): void {
    this.live.isActive = this.isVisible;
  }

  protected override onAfterShow(): void {
    this.live.isActive = true;
  }

  protected override onAfterHide(): void {
    this.live.isActive = false;
  }

  private draw(): void {
    if (this.isDisposed) {
      return;
    }
    const { problem, value } = this.live;
    const text = problem?.message ?? value?.mermaid ?? '';
    if (text === this._shown) {
      return;
    }
    this._shown = text;
    for (const widget of (this.layout as PanelLayout).widgets.slice()) {
      widget.dispose();
    }
    const isDrawn =
      !problem && this.rendermime.getFactory(MERMAID) !== undefined;
    const type = isDrawn ? MERMAID : 'text/plain';
    const renderer = this.rendermime.createRenderer(type);
    (this.layout as PanelLayout).addWidget(renderer);
    void renderer.renderModel(new MimeModel({ data: { [type]: text } }));
  }

  private _shown = '';
}
