import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { info, trans } from '../../__tests__/samples';
import { Header, type IHeaderProps } from '../Header';

function show(props: Partial<IHeaderProps>): IHeaderProps['onRefresh'] {
  const onRefresh = vi.fn();
  render(
    <Header
      info={info()}
      problem={null}
      onRefresh={onRefresh}
      trans={trans}
      {...props}
    />
  );
  return onRefresh;
}

it('names the project and looks again when asked', async () => {
  const onRefresh = show({});
  expect(screen.getByText('flights')).toBeDefined();
  await userEvent.click(screen.getByRole('button', { name: 'Refresh' }));
  expect(onRefresh).toHaveBeenCalled();
});

it('says what to do without a project', () => {
  show({ info: info({ name: null, root: null, hint: 'run `mlops init`' }) });
  expect(screen.getByText('No project here.')).toBeDefined();
  expect(screen.getByText('mlops init').tagName).toBe('CODE');
});

it('says how far MLflow is behind, and why', () => {
  show({ info: info({ waiting: 2, mirror_error: 'connection refused' }) });
  expect(screen.getByText('2 runs on their way to MLflow')).toBeDefined();
  expect(screen.getByRole('status').textContent).toBe('connection refused');
});

it('says in words what is wrong', () => {
  show({ problem: { message: 'mlops.yaml:2:1: no', hint: 'look there' } });
  expect(screen.getByRole('alert').textContent).toBe(
    'mlops.yaml:2:1: nolook there'
  );
});
