import { ReactWidget, SidePanel, UseSignal } from '@jupyterlab/ui-components';
import type { ITranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { type AccordionPanel, Panel, type Widget } from '@lumino/widgets';
import React from 'react';
import { Header } from '../project/Header';
import type { ITranslate } from '../text';
import type { ICurrentProject, IMlopsPanel } from '../tokens';

/**
 * The side panel: which project it is, and one collapsible section for each domain.
 */
export class MlopsPanel extends SidePanel implements IMlopsPanel {
  constructor(
    private readonly project: ICurrentProject,
    translator: ITranslator
  ) {
    super({ translator, header: new Panel() });
    this.addClass('jp-Mlops-panel');
    const trans = translator.load('mlops_jupyter');
    this.header.addWidget(new ProjectHeader(project, trans));
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('MLOps'));
    project.info.changed.connect(this.onInfo, this);
    this.onInfo();
  }

  /**
   * The sections.
   */
  get accordion(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  addSection(section: Widget, rank: number, height: number): void {
    this.sections.push({ section, rank, height });
    this.sections.sort((a, b) => a.rank - b.rank);
    // the accordion keeps its nodes in the order of adding, and the Tab key follows the nodes
    for (const { section } of this.sections) {
      section.parent = null;
    }
    for (const { section } of this.sections) {
      this.addWidget(section);
    }
    for (const title of this.accordion.titles) {
      title.setAttribute('role', 'button');
    }
    this.accordion.setRelativeSizes(this.sections.map(s => s.height));
  }

  override dispose(): void {
    this.project.info.changed.disconnect(this.onInfo, this);
    super.dispose();
  }

  private onInfo(): void {
    // without a project the header says what to do, and there is nothing else to show
    this.content.setHidden(!this.project.info.value?.name);
  }

  private readonly sections: {
    section: Widget;
    rank: number;
    height: number;
  }[] = [];
}

/**
 * The head of the panel. While it is on the screen, the project is kept up to date.
 */
class ProjectHeader extends ReactWidget {
  constructor(
    private readonly project: ICurrentProject,
    private readonly trans: ITranslate
  ) {
    super();
    this.addClass('jp-Mlops-header');
  }

  protected override render(): JSX.Element {
    const { project, trans } = this;
    return (
      <UseSignal signal={project.info.changed}>
        {() => (
          <Header
            info={project.info.value}
            problem={project.info.problem}
            onRefresh={() => void project.refresh().catch(() => undefined)}
            trans={trans}
          />
        )}
      </UseSignal>
    );
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.project.isActive = true;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.project.isActive = false;
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.project.isActive = this.isVisible;
  }
}
