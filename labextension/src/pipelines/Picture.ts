import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { MimeModel } from '@jupyterlab/rendermime';
import { PanelLayout } from '@lumino/widgets';
import type { Live } from '../live';
import { LiveView } from '../panel/view';
import type { PipelinePicture } from '../wire';

const MERMAID = 'text/vnd.mermaid';

/**
 * The steps of a pipeline as a picture, which JupyterLab itself draws; where it cannot, as the
 * text of the picture.
 */
export class Picture extends LiveView<PipelinePicture> {
  /**
   * @param live - The picture; belongs to the widget from now on
   */
  constructor(
    live: Live<PipelinePicture>,
    private readonly rendermime: IRenderMimeRegistry
  ) {
    super(live);
    this.addClass('jp-Mlops-picture');
    this.layout = new PanelLayout();
  }

  /**
   * Draw it again, because the colours around it are others.
   */
  redraw(): void {
    this._shown = '';
    this.draw();
  }

  protected override draw(): void {
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
