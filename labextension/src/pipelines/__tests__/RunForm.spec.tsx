import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { trans } from '../../__tests__/samples';
import { RequestError } from '../../request';
import type { LaunchRequest, PipelineForm } from '../../wire';
import { fieldsOf } from '../form';
import { RunForm } from '../RunForm';

/** One parameter of each kind that the server describes. */
const PROPERTIES = {
  month: {
    type: 'integer',
    minimum: 1,
    maximum: 12,
    default: 1,
    description: 'of the departures'
  },
  rate: { type: 'number', exclusiveMinimum: 0, default: 0.1 },
  fast: { type: 'boolean', default: true },
  method: { enum: ['fast', 'exact', null], default: 'fast' },
  features: { type: 'array', default: ['hour', 'distance'] },
  since: { type: 'string', format: 'date', default: '2024-01-01' },
  depth: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null },
  query: { type: 'string', default: 'a="b" <b>' },
  token: { type: 'string', format: 'secret' }
};

function show(properties: Record<string, unknown>) {
  const form: PipelineForm = {
    pipeline: 'train',
    notebook: 'train.ipynb',
    schema: { properties }
  };
  const launch = vi.fn<(request: LaunchRequest) => Promise<void>>(() =>
    Promise.resolve()
  );
  const onClose = vi.fn();
  render(
    <RunForm
      load={() => Promise.resolve(form)}
      launch={launch}
      onClose={onClose}
      trans={trans}
    />
  );
  return { launch, onClose };
}

const run = () => userEvent.click(screen.getByRole('button', { name: 'Run' }));

it('has a field for each parameter, with its default', async () => {
  show(PROPERTIES);
  const shown = async (name: string) =>
    (await screen.findByLabelText<HTMLInputElement>(name)).value;
  expect(await shown('month')).toBe('1');
  expect(await shown('rate')).toBe('0.1');
  expect(await shown('method')).toBe('0');
  expect(await shown('features')).toBe('["hour","distance"]');
  expect(await shown('since')).toBe('2024-01-01');
  expect(await shown('depth')).toBe('null');
  expect(await shown('query')).toBe('a="b" <b>');
  expect(await shown('token')).toBe('');
  expect(screen.getByLabelText('fast')).toHaveProperty('checked', true);
  expect(screen.getByLabelText('token')).toHaveProperty(
    'placeholder',
    'env:NAME'
  );
  expect(
    screen.getByText('of the departures; at least 1, at most 12')
  ).toBeDefined();
  expect(screen.getByText('more than 0')).toBeDefined();
});

it('sends nothing but what was changed', async () => {
  const { launch, onClose } = show(PROPERTIES);
  await screen.findByLabelText('month');
  await run();
  expect(launch).toHaveBeenCalledWith({ parameters: {}, force: false });
  expect(onClose).toHaveBeenCalled();
});

it('sends text as it was typed, choices and checks as values', async () => {
  const { launch } = show(PROPERTIES);
  const features = await screen.findByLabelText('features');
  await userEvent.clear(features);
  await userEvent.type(features, '[[hour]');
  await userEvent.click(screen.getByLabelText('fast'));
  await userEvent.selectOptions(screen.getByLabelText('method'), 'null');
  await userEvent.clear(screen.getByLabelText('query'));
  await userEvent.click(screen.getByLabelText(/all steps/));
  await run();
  expect(launch).toHaveBeenCalledWith({
    parameters: { features: '[hour]', fast: false, method: null, query: '' },
    force: true
  });
});

it('says why it was refused, and keeps what was typed', async () => {
  const { launch, onClose } = show(PROPERTIES);
  launch.mockRejectedValueOnce(
    new RequestError("parameter 'month' is a whole number", 'at most 12', 400)
  );
  await userEvent.type(await screen.findByLabelText('month'), '3');
  await run();
  expect(screen.getByRole('alert').textContent).toBe(
    "parameter 'month' is a whole numberat most 12"
  );
  expect(onClose).not.toHaveBeenCalled();
  expect(screen.getByLabelText('month')).toHaveProperty('value', '13');
});

it('says why there is no form', async () => {
  const load = () => Promise.reject(new Error('train.ipynb: no such notebook'));
  render(
    <RunForm load={load} launch={vi.fn()} onClose={vi.fn()} trans={trans} />
  );
  expect((await screen.findByRole('alert')).textContent).toContain(
    'no such notebook'
  );
  expect(screen.getByRole('button', { name: 'Run' })).toHaveProperty(
    'disabled',
    true
  );
});

it('says that there are no parameters', async () => {
  show({});
  expect(await screen.findByText('It has no parameters.')).toBeDefined();
});

it('survives a schema that says nothing', () => {
  const schema = { pipeline: 'a', notebook: 'a.ipynb', schema: {} };
  expect(fieldsOf(schema, trans)).toEqual([]);
});
