import React, { useEffect, useState } from 'react';
import { metric, type ITranslate } from '../text';
import type { RunDetail, RunSeries, Series } from '../wire';

const WIDTH = 240;
const HEIGHT = 72;
const MARGIN = 3;

/** Metrics that are measured, not logged, begin so. */
const SYSTEM = 'system/';

/**
 * The options of the charts.
 */
export interface IMetricChartsProps {
  /** The run; another object whenever it may have changed. */
  detail: RunDetail;

  /** Fetch the steps of the run's metrics. */
  load: () => Promise<RunSeries>;

  trans: ITranslate;
}

/**
 * A small line chart of each metric that has more than one step, up to date while the run goes.
 */
export function MetricCharts(props: IMetricChartsProps): JSX.Element | null {
  const { detail, load, trans } = props;
  const [found, setFound] = useState<Series[]>([]);
  useEffect(() => {
    let isGone = false;
    load().then(
      answer => !isGone && setFound(answer.series),
      () => undefined // what was drawn stays; the details say what is wrong
    );
    return () => {
      isGone = true;
    };
  }, [detail, load]);
  const shown = found.filter(series => series.steps.length > 1);
  if (shown.length === 0) {
    return null;
  }
  const measured = shown.filter(series => series.name.startsWith(SYSTEM));
  const logged = shown.filter(series => !series.name.startsWith(SYSTEM));
  return (
    <section>
      <h2>{trans.__('Steps')}</h2>
      <div className="jp-Mlops-charts">
        {[...logged, ...measured].map(series => (
          <Chart key={series.name} series={series} trans={trans} />
        ))}
      </div>
    </section>
  );
}

/** A point of a chart that has a value. */
interface IPoint {
  readonly step: number;
  readonly value: number;
}

function Chart(props: { series: Series; trans: ITranslate }): JSX.Element {
  const { series, trans } = props;
  const [at, setAt] = useState<number | null>(null);
  const points = series.steps.map((step, i) => ({
    step,
    value: series.values[i]
  }));
  const known = points.filter((p): p is IPoint => p.value !== null);
  const scale = scaleOf(known);
  const last = known[known.length - 1];
  const shown = (at === null ? undefined : known[at]) ?? last;
  const move = (event: React.MouseEvent<SVGSVGElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    setAt(nearest(known, scale, x));
  };
  return (
    <figure className="jp-Mlops-chart">
      <figcaption>
        <span title={series.name}>{series.name}</span>
        <b>{metric(shown?.value ?? null)}</b>
        {shown && at !== null && <span>{trans.__('step %1', shown.step)}</span>}
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={
          last
            ? trans.__(
                '%1: %2 steps, last value %3',
                series.name,
                series.total,
                metric(last.value)
              )
            : series.name
        }
        onMouseMove={move}
        onMouseLeave={() => setAt(null)}
      >
        <path d={pathOf(points, scale)} />
        {shown && (
          <circle cx={scale.x(shown.step)} cy={scale.y(shown.value)} r="2.5" />
        )}
      </svg>
      {last && (
        <div className="jp-Mlops-chartends">
          <span>{metric(scale.low)}</span>
          <span>{metric(scale.high)}</span>
        </div>
      )}
    </figure>
  );
}

/** Where a step and a value lie in a chart. */
interface IScale {
  readonly x: (step: number) => number;
  readonly y: (value: number) => number;
  readonly low: number;
  readonly high: number;
}

function scaleOf(points: IPoint[]): IScale {
  const steps = points.map(p => p.step);
  const values = points.map(p => p.value);
  const first = Math.min(...steps);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const length = Math.max(...steps) - first || 1;
  const span = high - low || 1;
  return {
    x: step => MARGIN + ((step - first) / length) * (WIDTH - 2 * MARGIN),
    y: value => MARGIN + (1 - (value - low) / span) * (HEIGHT - 2 * MARGIN),
    low,
    high
  };
}

/**
 * Return the line through the points as the path of an SVG, with gaps where there is no value.
 */
export function pathOf(
  points: { step: number; value: number | null }[],
  scale: Pick<IScale, 'x' | 'y'>
): string {
  let pen = 'M';
  let path = '';
  for (const { step, value } of points) {
    if (value === null) {
      pen = 'M';
      continue;
    }
    path += `${pen}${scale.x(step).toFixed(1)} ${scale.y(value).toFixed(1)}`;
    pen = 'L';
  }
  return path;
}

function nearest(points: IPoint[], scale: IScale, x: number): number | null {
  let found: number | null = null;
  let distance = Infinity;
  points.forEach((point, i) => {
    const away = Math.abs(scale.x(point.step) - x);
    if (away < distance) {
      distance = away;
      found = i;
    }
  });
  return found;
}
