import type { ServerConnection } from '@jupyterlab/services';
import { request } from './request';
import type { ITranslate } from './text';
import type {
  Datasets,
  LiveNotebook,
  Models,
  NotebookState,
  Pipelines,
  ProjectInfo,
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

  /** All models and the decisions on them. */
  models(path: string): Promise<Models>;

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

  models(path: string): Promise<Models> {
    return this.json(['models'], { path });
  }

  async notebookState(
    path: string,
    notebook: LiveNotebook
  ): Promise<NotebookState> {
    const answer = await request(
      ['notebook-state'],
      { path },
      this.settings,
      this.trans,
      notebook
    );
    return answer.json() as Promise<NotebookState>;
  }

  // the types are generated from the very nouns that the server encodes
  private async json<T>(
    route: string[],
    query: Record<string, string | number>
  ): Promise<T> {
    return (await this.request(route, query)).json() as Promise<T>;
  }

  private request(
    route: string[],
    query: Record<string, string | number>
  ): Promise<Response> {
    return request(route, query, this.settings, this.trans);
  }
}
