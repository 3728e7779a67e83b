import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import React from 'react';
import { expect, it, vi } from 'vitest';
import { run, trans } from '../../__tests__/samples';
import type { Series } from '../../wire';
import { MetricCharts, pathOf } from '../MetricCharts';

const detail = () => ({ run: run(), cells: [] });

const series = (more: Partial<Series>): Series => ({
  name: 'loss',
  steps: [0, 1, 2],
  values: [3, 2, 1],
  times: [null, null, null],
  total: 3,
  ...more
});

const answer = (...found: Series[]) =>
  vi.fn(() => Promise.resolve({ series: found }));

it('draws metrics that have steps, and no others', async () => {
  const load = answer(
    series({ name: 'system/cpu_percent' }),
    series({}),
    series({ name: 'r2', steps: [0], values: [0.5], times: [null], total: 1 })
  );
  render(<MetricCharts detail={detail()} load={load} trans={trans} />);
  const charts = await screen.findAllByRole('img');
  expect(charts.map(chart => chart.getAttribute('aria-label'))).toEqual([
    'loss: 3 steps, last value 1',
    'system/cpu_percent: 3 steps, last value 1'
  ]);
});

it('shows nothing when no metric has steps', async () => {
  const load = answer(series({ steps: [0], values: [1], times: [null] }));
  const { container } = render(
    <MetricCharts detail={detail()} load={load} trans={trans} />
  );
  await waitFor(() => expect(load).toHaveBeenCalled());
  expect(container.textContent).toBe('');
});

it('draws again when the run has changed, and keeps what it drew when that fails', async () => {
  const load = vi
    .fn()
    .mockResolvedValueOnce({ series: [series({})] })
    .mockResolvedValueOnce({ series: [series({ values: [3, 2, 0.25] })] })
    .mockRejectedValue(new Error('away'));
  const chart = () => (
    <MetricCharts detail={detail()} load={load} trans={trans} />
  );
  const { rerender } = render(chart());
  await screen.findByText('1', { selector: 'b' });
  rerender(chart());
  await screen.findByText('0.2500', { selector: 'b' });
  rerender(chart());
  await waitFor(() => expect(load).toHaveBeenCalledTimes(3));
  expect(screen.getByText('0.2500', { selector: 'b' })).toBeDefined();
});

it('says the value under the pointer', async () => {
  const load = answer(series({}));
  render(<MetricCharts detail={detail()} load={load} trans={trans} />);
  const chart = await screen.findByRole('img');
  chart.getBoundingClientRect = () => new DOMRect(0, 0, 240, 72);
  fireEvent.mouseMove(chart, { clientX: 10 });
  expect(screen.getByText('step 0')).toBeDefined();
  expect(screen.getByText('3', { selector: 'b' })).toBeDefined();
  fireEvent.mouseLeave(chart);
  expect(screen.queryByText('step 0')).toBeNull();
});

it('leaves gaps where there is no number', () => {
  const same = { x: (step: number) => step, y: (value: number) => value };
  const points = [1, null, 3, 4].map((value, step) => ({ step, value }));
  expect(pathOf(points, same)).toBe('M0.0 1.0M2.0 3.0L3.0 4.0');
});

it('draws a metric that was never a number as an empty chart', async () => {
  const load = answer(series({ values: [null, null, null] }));
  render(<MetricCharts detail={detail()} load={load} trans={trans} />);
  expect((await screen.findByRole('img')).getAttribute('aria-label')).toBe(
    'loss'
  );
  expect(screen.getByText('NaN', { selector: 'b' })).toBeDefined();
});
