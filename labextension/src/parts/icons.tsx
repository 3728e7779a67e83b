import React from 'react';

/** States of anything that runs. */
export type State =
  | 'cached'
  | 'failed'
  | 'finished'
  | 'interrupted'
  | 'queued'
  | 'running'
  | 'undecided';

const SHAPES: Record<State, React.ReactNode> = {
  finished: <path d="M4.5 8.2 7 10.7l4.6-5" />,
  cached: <path d="M4.5 8.2 7 10.7l4.6-5" />,
  failed: <path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" />,
  interrupted: <path d="M4.8 8h6.4" />,
  undecided: (
    <path d="M6.2 6.4a1.9 1.9 0 1 1 2.7 1.8C8.2 8.5 8 8.9 8 9.5m0 2v.1" />
  ),
  queued: null,
  running: null
};

/**
 * The state of a run or a step, as a small round sign that does not rely on its colour alone.
 *
 * @param props.label - The state in words, for those who do not see the sign; empty where the
 * words stand beside it
 */
export function StateIcon(props: { state: State; label: string }): JSX.Element {
  return (
    <svg
      className={`jp-Mlops-state jp-mod-${props.state}`}
      viewBox="0 0 16 16"
      width="14"
      height="14"
      {...(props.label
        ? { role: 'img', 'aria-label': props.label }
        : { 'aria-hidden': true })}
    >
      {props.label && <title>{props.label}</title>}
      <circle className="jp-Mlops-ring" cx="8" cy="8" r="6.5" />
      {props.state === 'running' && (
        <path className="jp-Mlops-spin" d="M8 1.5A6.5 6.5 0 0 1 14.5 8" />
      )}
      {SHAPES[props.state]}
    </svg>
  );
}

const GLYPHS = {
  refresh: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.2v3h-3',
  back: 'M10 3.5 5.5 8l4.5 4.5',
  forward: 'M6 3.5 10.5 8 6 12.5',
  promote: 'M8 13V3.5M4 7.3l4-4 4 4',
  rollback: 'M3.2 7.2h6.3a3.1 3.1 0 0 1 0 6.2H7M5.9 4.3 3 7.2l2.9 2.9',
  run: 'M5 3.2v9.6L12.6 8z',
  stop: 'M4.2 4.2h7.6v7.6H4.2z',
  picture: 'M2.2 3h4.6v3.2H2.2zM9.2 9.8h4.6V13H9.2zM4.5 6.2v5.2h4.7',
  pass: 'M3.6 8.4 6.6 11.4l5.8-6.6',
  approve: 'M3.6 8.4 6.6 11.4l5.8-6.6',
  hold: 'M5.8 4v8M10.2 4v8',
  reject: 'm4.5 4.5 7 7m0-7-7 7'
} as const;

/**
 * A line drawing in the colour of the text. It says nothing by itself: give its button a label.
 */
export function Glyph(props: { name: keyof typeof GLYPHS }): JSX.Element {
  return (
    <svg
      className="jp-Mlops-glyph"
      viewBox="0 0 16 16"
      width="14"
      height="14"
      aria-hidden="true"
    >
      <path d={GLYPHS[props.name]} />
    </svg>
  );
}
