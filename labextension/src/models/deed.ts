import { count, type ITranslate } from '../text';
import type { ModelSummary } from '../wire';
import { inWords as verdict, tally } from './verdict';

/**
 * What people may decide in the panel.
 */
export type Deed = 'approve' | 'promote' | 'rollback';

/**
 * What the button says that does it.
 */
export function verb(deed: Deed, trans: ITranslate): string {
  switch (deed) {
    case 'approve':
      return trans.__('Approve');
    case 'promote':
      return trans.__('Promote');
    case 'rollback':
      return trans.__('Roll back');
  }
}

/**
 * What is asked.
 */
export function titleOf(
  deed: Deed,
  model: ModelSummary,
  trans: ITranslate
): string {
  const version = model.waiting?.version;
  switch (deed) {
    case 'approve':
      return trans.__('Approve %1 v%2?', model.name, version);
    case 'promote':
      return trans.__('Promote %1 v%2?', model.name, version);
    case 'rollback':
      return trans.__('Roll %1 back to v%2?', model.name, model.rollback_to);
  }
}

/**
 * Say exactly what will be another way, line by line.
 */
export function changes(
  deed: Deed,
  model: ModelSummary,
  trans: ITranslate
): string[] {
  const { champion, name, waiting } = model;
  const everybody = trans.__(
    'Everybody who loads `models:/%1@champion` gets it.',
    name
  );
  if (deed === 'rollback') {
    return [
      trans.__(
        'v%1 becomes champion of %2 again, in place of v%3.',
        model.rollback_to,
        name,
        champion
      ),
      everybody,
      trans.__('First it is loaded, and predicts the rows it was judged on.')
    ];
  }
  const gate = judged(model, trans);
  if (deed === 'approve') {
    return [...gate, ...yes(model, trans)];
  }
  return [
    champion === null
      ? trans.__(
          'v%1 becomes the first champion of %2.',
          waiting?.version,
          name
        )
      : trans.__(
          'v%1 becomes champion of %2 in place of v%3.',
          waiting?.version,
          name,
          champion
        ),
    everybody,
    ...gate,
    trans.__(
      'Against its gate a version is promoted in a terminal only: `mlops promote %1 --override REASON`.',
      name
    )
  ];
}

/** Say what the gate said. */
function judged(model: ModelSummary, trans: ITranslate): string[] {
  const { report } =
    model.decisions.find(d => d.id === model.waiting?.decision) ?? {};
  return report
    ? [
        trans.__(
          'The gate on %1, %2 rows: %3 (%4).',
          report.data,
          count(report.row_count),
          verdict(report.verdict, trans),
          tally(report.checks, trans)
        )
      ]
    : [];
}

/** Say what follows from an approval. */
function yes(model: ModelSummary, trans: ITranslate): string[] {
  const { needed = 0, approved = [] } = model.waiting ?? {};
  const missing = needed - approved.length - 1;
  return [
    missing > 0
      ? trans._n(
          'After yours, %1 more approval is needed.',
          'After yours, %1 more approvals are needed.',
          missing
        )
      : trans.__('After yours it can be promoted.'),
    trans.__(
      'Nothing is moved now. Your approval is for this judgement only, and lapses if the champion changes.'
    )
  ];
}
