import React, { useState } from 'react';
import { Age, Empty, Folded, useNow } from '../parts/parts';
import { count, size, type ITranslate } from '../text';
import type { Dataset, Datasets, DatasetVersion } from '../wire';

/** Versions shown of each dataset before one asks for all. */
const SHOWN = 3;

const WITHOUT_COLUMNS: Partial<
  Record<DatasetVersion['kind'], (trans: ITranslate) => string>
> = {
  file: trans => trans.__('A file, kept byte for byte.'),
  folder: trans => trans.__('A folder, its files kept byte for byte.'),
  array: trans => trans.__('An array.')
};

/**
 * Datasets and their versions; a version opens to show its columns.
 */
export function DatasetList(props: {
  answer: Datasets;
  trans: ITranslate;
}): JSX.Element {
  const { answer, trans } = props;
  const now = useNow(30);
  if (answer.datasets.length === 0) {
    return (
      <Empty
        title={trans.__('No data versions yet.')}
        hint={trans.__(
          'Keep one with `%1` in a cell.',
          '%snapshot df --name train'
        )}
      />
    );
  }
  return (
    <>
      {answer.datasets.map(dataset => (
        <Group key={dataset.name} dataset={dataset} now={now} trans={trans} />
      ))}
    </>
  );
}

function Group(props: {
  dataset: Dataset;
  now: number;
  trans: ITranslate;
}): JSX.Element {
  const { dataset, trans } = props;
  const { versions } = dataset;
  return (
    <section className="jp-Mlops-group" aria-label={dataset.name}>
      <h3 className="jp-Mlops-line">
        <span className="jp-Mlops-name" title={dataset.name}>
          {dataset.name}
        </span>
        <span className="jp-Mlops-muted">
          {trans._n('%1 version', '%1 versions', versions.length)}
        </span>
      </h3>
      <Folded
        items={versions}
        shown={SHOWN}
        list={shown => (
          <ul className="jp-Mlops-list">
            {shown.map(version => (
              <li key={version.number}>
                <Version version={version} now={props.now} trans={trans} />
              </li>
            ))}
          </ul>
        )}
        trans={trans}
      />
    </section>
  );
}

function Version(props: {
  version: DatasetVersion;
  now: number;
  trans: ITranslate;
}): JSX.Element {
  const { version, trans } = props;
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="jp-Mlops-row"
        aria-expanded={isOpen}
        title={version.digest}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="jp-Mlops-line">
          <span className="jp-Mlops-tag">@{version.number}</span>
          <span className="jp-Mlops-name jp-mod-plain">
            <Shape version={version} trans={trans} />
            {size(version.size_bytes)}
          </span>
          <Age iso={version.created_at} now={props.now} trans={trans} />
        </span>
        {!!version.tags?.length && (
          <span className="jp-Mlops-note">{version.tags.join(' · ')}</span>
        )}
        {version.note && <span className="jp-Mlops-note">{version.note}</span>}
        {version.gone_at && (
          <span className="jp-Mlops-note">
            {trans.__('Content given up: %1', version.gone_why ?? '–')}
          </span>
        )}
      </button>
      {isOpen && <Columns version={version} trans={trans} />}
    </>
  );
}

function Shape(props: {
  version: DatasetVersion;
  trans: ITranslate;
}): JSX.Element | null {
  const { row_count, columns } = props.version;
  if (row_count === null) {
    return null;
  }
  const rows = count(row_count);
  return (
    <>
      <span title={props.trans.__('%1 rows, %2 columns', rows, columns.length)}>
        {rows} × {columns.length}
      </span>
      <span className="jp-Mlops-muted"> · </span>
    </>
  );
}

function Columns(props: {
  version: DatasetVersion;
  trans: ITranslate;
}): JSX.Element {
  const { version, trans } = props;
  const { columns } = version;
  if (columns.length === 0) {
    return (
      <p className="jp-Mlops-inner jp-Mlops-muted">
        {WITHOUT_COLUMNS[version.kind]?.(trans) ?? trans.__('No columns.')}
      </p>
    );
  }
  return (
    <table
      className="jp-Mlops-table jp-Mlops-inner"
      aria-label={trans.__(
        'Columns of %1',
        `${version.dataset}@${version.number}`
      )}
    >
      <thead>
        <tr>
          <th scope="col">{trans.__('Column')}</th>
          <th scope="col">{trans.__('Type')}</th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Missing')}
          </th>
        </tr>
      </thead>
      <tbody>
        {columns.map((column, i) => (
          <tr key={i}>
            <td>{column.name}</td>
            <td className="jp-Mlops-muted">{column.type}</td>
            <td className="jp-mod-number">
              {column.missing ? count(column.missing) : '–'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
