import React, { useEffect, useRef, useState } from 'react';
import { StateIcon } from '../parts/icons';
import { stateLabel, useNow } from '../parts/parts';
import {
  age,
  between,
  duration,
  metric,
  moment,
  parameter,
  short,
  size,
  type ITranslate
} from '../text';
import type { Artifact, CodeCell, Run, RunDetail, RunSeries } from '../wire';
import { certified, evidence } from './certificate';
import { MetricCharts } from './MetricCharts';

/**
 * Shows source code in colours, inside an element.
 */
export type Highlight = (source: string, node: HTMLElement) => Promise<void>;

/**
 * The options of the details.
 */
export interface IRunDetailsProps {
  /** The run and its cells. */
  detail: RunDetail;

  /** Fetch the steps of the run's metrics. */
  series: () => Promise<RunSeries>;

  /** Fetch the bytes of a file that the run shows. */
  artifact: (name: string) => Promise<Blob>;

  /** Shows source in colours; without it, it is plain. */
  highlight: Highlight | null;

  trans: ITranslate;
}

/**
 * All that is known of one run.
 */
export function RunDetails(props: IRunDetailsProps): JSX.Element {
  const { detail, trans } = props;
  const { run, cells } = detail;
  const figures = run.artifacts.filter(a => a.media_type.startsWith('image/'));
  const files = run.artifacts.filter(a => !a.media_type.startsWith('image/'));
  return (
    <article className="jp-Mlops-details">
      <Heading detail={detail} trans={trans} />
      {run.error && <pre className="jp-Mlops-failure">{run.error}</pre>}
      <div className="jp-Mlops-columns">
        <Pairs
          title={trans.__('Metrics')}
          pairs={Object.entries(run.metrics).map(([name, value]) => [
            name,
            metric(value),
            value === null ? 'NaN' : String(value)
          ])}
          none={trans.__(
            'None. Names bound to numbers by a computation become metrics.'
          )}
        />
        <Pairs
          title={trans.__('Parameters')}
          pairs={Object.entries(run.parameters).map(([name, value]) => [
            name,
            parameter(value),
            parameter(value)
          ])}
          none={trans.__('None. Names bound to literals become parameters.')}
        />
      </div>
      <MetricCharts detail={detail} load={props.series} trans={trans} />
      <Figures figures={figures} load={props.artifact} trans={trans} />
      {files.length > 0 && (
        <Pairs
          title={trans.__('Files')}
          pairs={files.map(f => [f.name, size(f.size_bytes), f.media_type])}
          none=""
        />
      )}
      <Cells cells={cells} highlight={props.highlight} trans={trans} />
    </article>
  );
}

type Fact = [name: string, value: string, title: string];

function factsOf(detail: RunDetail, now: number, trans: ITranslate): Fact[] {
  const { run, certificate, unsure } = detail;
  const seconds = between(run.started_at, run.ended_at);
  const facts: Fact[] = [
    [
      trans.__('Started'),
      moment(run.started_at),
      age(run.started_at, now, trans)
    ]
  ];
  if (seconds !== null) {
    facts.push([trans.__('Took'), duration(seconds, trans), '']);
  }
  if (run.notebook) {
    const file = run.notebook.replace(/^.*\//, '');
    facts.push([trans.__('Notebook'), file, run.notebook]);
  }
  const made = detail.made ?? [];
  const used = run.data.filter(ref => !made.includes(ref));
  if (used.length) {
    facts.push([trans.__('Data'), used.join(', '), '']);
  }
  if (made.length) {
    facts.push([trans.__('Data made'), made.join(', '), '']);
  }
  if (run.model_kind) {
    facts.push([trans.__('Model'), run.model_kind, run.model_digest ?? '']);
  }
  facts.push([
    trans.__('Commit'),
    run.git_commit
      ? short(run.git_commit) +
        (run.git_dirty ? ` ${trans.__('+ changes')}` : '')
      : trans.__('outside a git repository'),
    run.git_commit ?? ''
  ]);
  if (certificate) {
    facts.push([
      trans.__('Executed again'),
      certified(certificate, now, trans),
      evidence(certificate, trans)
    ]);
  }
  if (unsure?.length) {
    facts.push([
      trans.__('Not sure'),
      trans._n('%1 reason', '%1 reasons', unsure.length),
      unsure.join('\n')
    ]);
  }
  facts.push([trans.__('MLflow'), mlflowState(run, trans), '']);
  facts.push([trans.__('Run'), run.id, '']);
  return facts;
}

function Heading(props: { detail: RunDetail; trans: ITranslate }): JSX.Element {
  const { detail, trans } = props;
  const { run } = detail;
  const facts = factsOf(detail, useNow(5), trans);
  return (
    <header>
      <h1>
        <StateIcon state={run.status} label={stateLabel(run.status, trans)} />
        {run.name}
      </h1>
      <dl className="jp-Mlops-meta">
        {facts.map(([name, value, title]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd title={title}>{value}</dd>
          </div>
        ))}
      </dl>
    </header>
  );
}

function mlflowState(run: Run, trans: ITranslate): string {
  if (run.mlflow_run_id) {
    return trans.__('run %1', run.mlflow_run_id);
  }
  return run.status === 'running'
    ? trans.__('copied when the run ends')
    : trans.__('waiting to be copied');
}

function Pairs(props: {
  title: string;
  pairs: [name: string, value: string, exact: string][];
  none: string;
}): JSX.Element {
  return (
    <section>
      <h2>{props.title}</h2>
      {props.pairs.length === 0 ? (
        <p className="jp-Mlops-muted">{props.none}</p>
      ) : (
        <table className="jp-Mlops-pairs" aria-label={props.title}>
          <tbody>
            {props.pairs.map(([name, value, exact]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td title={exact}>{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Figures(props: {
  figures: Artifact[];
  load: (name: string) => Promise<Blob>;
  trans: ITranslate;
}): JSX.Element | null {
  const { figures, load, trans } = props;
  if (figures.length === 0) {
    return null;
  }
  return (
    <section>
      <h2>{trans.__('Figures')}</h2>
      <div className="jp-Mlops-figures">
        {figures.map(figure => (
          <Figure
            key={figure.digest + figure.name}
            figure={figure}
            load={load}
            trans={trans}
          />
        ))}
      </div>
    </section>
  );
}

function Figure(props: {
  figure: Artifact;
  load: (name: string) => Promise<Blob>;
  trans: ITranslate;
}): JSX.Element {
  const { figure, load, trans } = props;
  const [url, setUrl] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let made: string | null = null;
    let isGone = false;
    load(figure.name).then(
      content => {
        if (!isGone) {
          made = URL.createObjectURL(content);
          setUrl(made);
        }
      },
      (error: Error) => !isGone && setProblem(error.message)
    );
    return () => {
      isGone = true;
      if (made) {
        URL.revokeObjectURL(made);
      }
    };
  }, [figure.name, load]);
  return (
    <figure>
      {url && <img src={url} alt={trans.__('Figure %1', figure.name)} />}
      {problem && <p role="alert">{problem}</p>}
      <figcaption>{figure.name}</figcaption>
    </figure>
  );
}

function Cells(props: {
  cells: CodeCell[];
  highlight: Highlight | null;
  trans: ITranslate;
}): JSX.Element {
  const { cells, highlight, trans } = props;
  return (
    <section>
      <h2>{trans.__('Code')}</h2>
      {cells.length === 0 && (
        <p className="jp-Mlops-muted">
          {trans.__('Cells are written down when they end.')}
        </p>
      )}
      {cells.map((cell, i) => (
        <Cell key={i} cell={cell} highlight={highlight} trans={trans} />
      ))}
    </section>
  );
}

function Cell(props: {
  cell: CodeCell;
  highlight: Highlight | null;
  trans: ITranslate;
}): JSX.Element {
  const { cell, trans } = props;
  return (
    <div className="jp-Mlops-cell">
      <div className="jp-Mlops-cellhead">
        <span>[{cell.position}]</span>
        <span>{duration(cell.duration_seconds, trans)}</span>
      </div>
      <Source source={cell.source} highlight={props.highlight} />
      {cell.error && <pre className="jp-Mlops-failure">{cell.error}</pre>}
    </div>
  );
}

function Source(props: {
  source: string;
  highlight: Highlight | null;
}): JSX.Element {
  const { source, highlight } = props;
  const coloured = useRef<HTMLElement>(null);
  const [isColoured, setColoured] = useState(false);
  useEffect(() => {
    const node = coloured.current;
    if (!node || !highlight) {
      return;
    }
    let isGone = false;
    const fresh = document.createElement('code');
    highlight(source, fresh).then(
      () => {
        if (!isGone) {
          node.replaceChildren(...fresh.childNodes);
          setColoured(true);
        }
      },
      () => undefined // plain text stays
    );
    return () => {
      isGone = true;
    };
  }, [source, highlight]);
  return (
    <pre className="jp-Mlops-source">
      <code ref={coloured} hidden={!isColoured} />
      {!isColoured && <code>{source}</code>}
    </pre>
  );
}
