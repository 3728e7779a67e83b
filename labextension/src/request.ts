import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { ITranslate } from './text';

/**
 * The one error of the request layer: what is wrong, and what to do about it.
 */
export class RequestError extends Error {
  /**
   * @param message - One line: what is wrong
   * @param hint - One line: what to do, where the server knows
   * @param status - The HTTP status; 0 when no answer came
   */
  constructor(
    message: string,
    readonly hint: string | null,
    readonly status: number
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/**
 * Ask a route of our server extension.
 *
 * @param route - Parts of the path under `mlops/api`, not encoded
 * @param query - The query, not encoded
 * @param body - Sent along as JSON, by POST
 * @returns the answer, when its status says that all is well
 * @throws RequestError in every other case
 */
export async function request(
  route: readonly string[],
  query: Readonly<Record<string, string | number>>,
  settings: ServerConnection.ISettings,
  trans: ITranslate,
  body?: object
): Promise<Response> {
  const path = route.map(encodeURIComponent).join('/');
  const url =
    URLExt.join(settings.baseUrl, 'mlops/api', path) +
    URLExt.objectToQueryString({ ...query });
  const init = body ? { method: 'POST', body: JSON.stringify(body) } : {};
  let answer: Response;
  try {
    answer = await ServerConnection.makeRequest(url, init, settings);
  } catch {
    throw new RequestError(
      trans.__('The Jupyter server does not answer.'),
      trans.__('Is it still running? The panel tries again by itself.'),
      0
    );
  }
  if (!answer.ok) {
    throw await refusal(answer, trans);
  }
  return answer;
}

async function refusal(
  answer: Response,
  trans: ITranslate
): Promise<RequestError> {
  const { status } = answer;
  const said = (await answer.json().catch(() => ({}))) as Partial<IRefusal>;
  // only our routes give a hint: a 404 without one comes from the server itself
  if (said.message && (said.hint !== undefined || status !== 404)) {
    return new RequestError(said.message, said.hint ?? null, status);
  }
  return new RequestError(
    trans.__('The server answered %1 %2.', status, answer.statusText),
    status === 404
      ? trans.__(
          'Its part of mlops-jupyter is not loaded: see `jupyter server extension list`.'
        )
      : null,
    status
  );
}

/** What our routes answer when they refuse. */
interface IRefusal {
  readonly message: string;
  readonly hint: string | null;
}
