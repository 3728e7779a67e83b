import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';
import type { IApi } from './api';
import type { ILive } from './live';
import type { ProjectInfo } from './wire';

/**
 * The project around the active notebook.
 */
export interface ICurrentProject {
  /** The routes of the server. */
  readonly api: IApi;

  /** Path of the active notebook, from the server's root; empty when there is none. */
  readonly path: string;

  /** What is known of the project. */
  readonly info: ILive<ProjectInfo>;

  /** Emitted when it is another project: what was fetched is of the one before. */
  readonly moved: ISignal<ICurrentProject, void>;

  /** Emitted when something in the project may have changed. */
  readonly touched: ISignal<ICurrentProject, void>;

  /** Whether the panel is on the screen: nothing is fetched while it is not. */
  isActive: boolean;

  /** Look at everything again. */
  refresh(): Promise<void>;
}

/**
 * Gives the project around the active notebook.
 */
export const ICurrentProject = new Token<ICurrentProject>(
  'mlops-jupyter:ICurrentProject',
  'The project around the active notebook, and the signal that it changed.'
);

/**
 * The side panel, which each domain gives one section.
 */
export interface IMlopsPanel {
  /**
   * Add a section.
   *
   * @param section - Its title is the title of the section
   * @param rank - Sections stand in the order of their ranks
   * @param height - Its share of the height, beside the shares of the others
   */
  addSection(section: Widget, rank: number, height: number): void;
}

/**
 * Gives the side panel.
 */
export const IMlopsPanel = new Token<IMlopsPanel>(
  'mlops-jupyter:IMlopsPanel',
  'The MLOps side panel, to add a section to.'
);

/**
 * Opens a run in the main area.
 */
export interface IRunOpener {
  /** Open the details of a run, or show them if they are open. */
  open(id: string, name: string): void;
}

/**
 * Gives what opens a run.
 */
export const IRunOpener = new Token<IRunOpener>(
  'mlops-jupyter:IRunOpener',
  'Opens the details of a run in the main area.'
);

/**
 * What the main area shows of a pipeline: a step of a run, its executed notebook, or a picture
 * of all steps.
 */
export interface IPipelineView {
  readonly kind: 'step' | 'notebook' | 'picture';

  readonly pipeline: string;

  /** Id of the run of the pipeline; empty for a picture. */
  readonly run: string;

  /** Empty for a picture. */
  readonly step: string;
}

/**
 * Opens what there is to see of a pipeline in the main area.
 */
export interface IPipelineOpener {
  /** Open a view, or show it if it is open. */
  open(view: IPipelineView): void;
}

/**
 * Gives what opens the views of pipelines.
 */
export const IPipelineOpener = new Token<IPipelineOpener>(
  'mlops-jupyter:IPipelineOpener',
  'Opens steps, executed notebooks and pictures of pipelines in the main area.'
);
