import type { INotebookContent } from '@jupyterlab/nbformat';
import type { ServerConnection } from '@jupyterlab/services';
import { request } from './request';
import type { ITranslate } from './text';
import type {
  ApproveRequest,
  Datasets,
  Decision,
  LaunchRequest,
  LiveNotebook,
  LogPart,
  Models,
  NotebookState,
  PipelineForm,
  PipelinePicture,
  PipelineRun,
  Pipelines,
  ProjectInfo,
  PromoteRequest,
  Promotion,
  RollbackRequest,
  RunDetail,
  RunPage,
  RunSeries
} from './wire';

/**
 * The routes of our server extension.
 *
 * #### Notes
 * Each takes the path of a notebook, from the server's root, and speaks of the project around
 * it. Each fails with a `RequestError`.
 */
export interface IApi {
  /** Which project it is. */
  project(path: string): Promise<ProjectInfo>;

  /** A page of runs, newest first. */
  runs(path: string, limit: number, offset: number): Promise<RunPage>;

  /** One run, with the cells that made it. */
  run(path: string, id: string): Promise<RunDetail>;

  /** The steps of a run's metrics. */
  series(path: string, id: string): Promise<RunSeries>;

  /** The bytes of a file that a run shows. */
  artifact(path: string, id: string, name: string): Promise<Blob>;

  /** All datasets and their versions. */
  datasets(path: string): Promise<Datasets>;

  /** All pipelines and their last runs. */
  pipelines(path: string): Promise<Pipelines>;

  /** What a form for the parameters of a pipeline needs. */
  parameters(path: string, pipeline: string): Promise<PipelineForm>;

  /** The steps of a pipeline as a picture. */
  picture(path: string, pipeline: string): Promise<PipelinePicture>;

  /** Begin a run; the promise is kept when it has begun. */
  launch(
    path: string,
    pipeline: string,
    request: LaunchRequest
  ): Promise<PipelineRun>;

  /** Stop a run. */
  cancel(path: string, id: string): Promise<PipelineRun>;

  /**
   * What the cells of a step have printed.
   *
   * @param offset - Where to begin; null for the end of it
   */
  log(
    path: string,
    id: string,
    step: string,
    offset: number | null
  ): Promise<LogPart>;

  /** The notebook of a step, as executed so far. */
  executed(path: string, id: string, step: string): Promise<INotebookContent>;

  /** All models and the decisions on them. */
  models(path: string): Promise<Models>;

  /** Say yes to a judged version of a model. */
  approve(
    path: string,
    model: string,
    request: ApproveRequest
  ): Promise<Decision>;

  /** Make a judged version of a model its champion. */
  promote(
    path: string,
    model: string,
    request: PromoteRequest
  ): Promise<Promotion>;

  /** Give the alias back to the champion before. */
  rollback(
    path: string,
    model: string,
    request: RollbackRequest
  ): Promise<Decision>;

  /** The state of a notebook whose cells are as an editor holds them. */
  notebookState(path: string, notebook: LiveNotebook): Promise<NotebookState>;
}

/**
 * The routes, over HTTP.
 */
export class Api implements IApi {
  constructor(
    private readonly settings: ServerConnection.ISettings,
    private readonly trans: ITranslate
  ) {}

  project(path: string): Promise<ProjectInfo> {
    return this.json(['project'], { path });
  }

  runs(path: string, limit: number, offset: number): Promise<RunPage> {
    return this.json(['runs'], { path, limit, offset });
  }

  run(path: string, id: string): Promise<RunDetail> {
    return this.json(['runs', id], { path });
  }

  series(path: string, id: string): Promise<RunSeries> {
    return this.json(['runs', id, 'series'], { path });
  }

  async artifact(path: string, id: string, name: string): Promise<Blob> {
    const route = ['runs', id, 'artifacts', name];
    return (await this.request(route, { path })).blob();
  }

  datasets(path: string): Promise<Datasets> {
    return this.json(['datasets'], { path });
  }

  pipelines(path: string): Promise<Pipelines> {
    return this.json(['pipelines'], { path });
  }

  parameters(path: string, pipeline: string): Promise<PipelineForm> {
    return this.json(['pipelines', pipeline, 'parameters'], { path });
  }

  picture(path: string, pipeline: string): Promise<PipelinePicture> {
    return this.json(['pipelines', pipeline, 'picture'], { path });
  }

  launch(
    path: string,
    pipeline: string,
    request: LaunchRequest
  ): Promise<PipelineRun> {
    return this.json(['pipelines', pipeline, 'launch'], { path }, request);
  }

  cancel(path: string, id: string): Promise<PipelineRun> {
    return this.json(['pipeline-runs', id, 'cancel'], { path }, {});
  }

  log(
    path: string,
    id: string,
    step: string,
    offset: number | null
  ): Promise<LogPart> {
    const query = offset === null ? { path } : { path, offset };
    return this.json(['pipeline-runs', id, 'steps', step, 'log'], query);
  }

  executed(path: string, id: string, step: string): Promise<INotebookContent> {
    return this.json(['pipeline-runs', id, 'steps', step, 'notebook'], {
      path
    });
  }

  models(path: string): Promise<Models> {
    return this.json(['models'], { path });
  }

  approve(
    path: string,
    model: string,
    request: ApproveRequest
  ): Promise<Decision> {
    return this.json(['models', model, 'approve'], { path }, request);
  }

  promote(
    path: string,
    model: string,
    request: PromoteRequest
  ): Promise<Promotion> {
    return this.json(['models', model, 'promote'], { path }, request);
  }

  rollback(
    path: string,
    model: string,
    request: RollbackRequest
  ): Promise<Decision> {
    return this.json(['models', model, 'rollback'], { path }, request);
  }

  notebookState(path: string, notebook: LiveNotebook): Promise<NotebookState> {
    return this.json(['notebook-state'], { path }, notebook);
  }

  // the types are generated from the very nouns that the server encodes
  private async json<T>(
    route: string[],
    query: Record<string, string | number>,
    body?: object
  ): Promise<T> {
    return (await this.request(route, query, body)).json() as Promise<T>;
  }

  private request(
    route: string[],
    query: Record<string, string | number>,
    body?: object
  ): Promise<Response> {
    return request(route, query, this.settings, this.trans, body);
  }
}
