import { ServerConnection } from '@jupyterlab/services';
import { expect, it } from 'vitest';
import { request, RequestError } from '../request';
import { trans } from './samples';

function settings(answer: () => Promise<Response>): {
  asked: string[];
  settings: ServerConnection.ISettings;
} {
  const asked: string[] = [];
  return {
    asked,
    settings: ServerConnection.makeSettings({
      baseUrl: 'http://localhost/base/',
      fetch: input => {
        asked.push((input as Request).url);
        return answer();
      }
    })
  };
}

async function refusal(answer: () => Promise<Response>): Promise<RequestError> {
  const error: unknown = await request(
    ['runs'],
    {},
    settings(answer).settings,
    trans
  ).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

const json = (status: number, content: object) => () =>
  Promise.resolve(
    new Response(JSON.stringify(content), { status, statusText: 'Nope' })
  );

it('encodes what it asks for', async () => {
  const server = settings(json(200, {}));
  await request(['runs', 'a/b?'], { path: 'ä &/x' }, server.settings, trans);
  const asked = new URL(server.asked[0] ?? '');
  expect(asked.pathname).toBe('/base/mlops/api/runs/a%2Fb%3F');
  expect(asked.searchParams.get('path')).toBe('ä &/x');
});

it('gives the words and the hint of our routes', async () => {
  const error = await refusal(
    json(404, { message: 'no run', hint: 'did you mean x?' })
  );
  expect([error.message, error.hint, error.status]).toEqual([
    'no run',
    'did you mean x?',
    404
  ]);
});

it('says what to do when our routes are not there', async () => {
  const error = await refusal(json(404, { message: 'Not Found' }));
  expect(error.hint).toContain('jupyter server extension list');
});

it('survives an answer that is not JSON', async () => {
  const error = await refusal(() =>
    Promise.resolve(new Response('<html>', { status: 502, statusText: 'Bad' }))
  );
  expect(error.message).toBe('The server answered 502 Bad.');
});

it('says that the server is away', async () => {
  const error = await refusal(() => Promise.reject(new TypeError('fetch')));
  expect(error.message).toBe('The Jupyter server does not answer.');
  expect(error.status).toBe(0);
});
