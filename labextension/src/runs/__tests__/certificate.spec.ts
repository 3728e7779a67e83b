import { expect, it } from 'vitest';
import { certificate, trans } from '../../__tests__/samples';
import type { Certificate } from '../../wire';
import { certified, evidence } from '../certificate';

const MADE = '2026-11-21T10:00:00.000000+00:00';
const NOW = Date.parse('2026-11-21T10:02:00Z');

it.each<[Partial<Certificate>, string]>([
  [{}, 'reproduced exactly · 3 cells · 2 min'],
  [
    { positions: [7], widened_by: 1 },
    'reproduced exactly · 1 cell · widened by 1 · 2 min'
  ],
  [
    { verdict: 'within_tolerance', tolerance: 1e-6 },
    'reproduced within 0.000001 · 3 cells · 2 min'
  ],
  [
    { verdict: 'could_not_run', reason: 'train.csv has changed since' },
    'could not run: train.csv has changed since · 2 min'
  ],
  [
    {
      verdict: 'differs',
      differences: [
        {
          kind: 'metric',
          name: 'loss',
          recorded: '0.3',
          found: '0.3001',
          within: true
        },
        { kind: 'metric', name: 'auc', recorded: '0.81', found: '0.79' }
      ]
    },
    'differs: auc 0.81 → 0.79 · 3 cells · 2 min'
  ]
])('says in one line what came of it: %o', (more, said) => {
  const made = certificate({ made_at: MADE, ...more });
  expect(certified(made, NOW, trans)).toBe(said);
});

it('counts what differs beside the first', () => {
  const one = { kind: 'metric', recorded: '1', found: '2' } as const;
  const made = certificate({
    verdict: 'differs',
    differences: [
      { ...one, name: 'a' },
      { ...one, name: 'b' },
      { ...one, name: 'c' }
    ]
  });
  expect(certified(made, NOW, trans)).toContain('a 1 → 2, and 2 more · 3');
});

it('names all the evidence', () => {
  const made = certificate({
    differences: [
      { kind: 'metric', name: 'auc', recorded: '0.81', found: '0.79' }
    ],
    unseeded: ['cell [3] calls default_rng without a seed'],
    notes: ['other packages now: numpy 2.1 → 2.2']
  });
  expect(evidence(made, trans).split('\n')).toEqual([
    'auc: 0.81 → 0.79',
    'without a seed: cell [3] calls default_rng without a seed',
    'other packages now: numpy 2.1 → 2.2'
  ]);
});
