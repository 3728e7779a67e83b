import type { IApi } from '../api';
import { Live } from '../live';
import type { LogPart, StepRun } from '../wire';

/** Characters of a log that are kept: the end of it. */
const LONGEST = 400_000;

/**
 * What the cells of a step have printed so far.
 */
export interface ILog {
  readonly step: StepRun;

  readonly text: string;

  /** Whether the beginning is left out. */
  readonly isCut: boolean;

  /** Whether nothing will come any more. */
  readonly isEnded: boolean;
}

/**
 * Make the log of a step: each look adds what was printed since the one before.
 */
export function logOf(
  api: IApi,
  path: string,
  run: string,
  step: string
): Live<ILog> {
  let log: ILog | null = null;
  let next: number | null = null;
  return new Live(async () => {
    if (log?.isEnded) {
      return log;
    }
    let part: LogPart;
    do {
      part = await api.log(path, run, step, next);
      log = added(log, part);
      next = part.next_offset;
    } while (part.next_offset > part.offset);
    return log;
  });
}

function added(log: ILog | null, part: LogPart): ILog {
  const text = (log?.text ?? '') + part.text;
  return {
    step: part.step,
    text: text.length > LONGEST ? lines(text.slice(-LONGEST)) : text,
    isCut: text.length > LONGEST || (log?.isCut ?? part.offset > 0),
    isEnded: part.is_ended
  };
}

/** Leave out the part of a line at the beginning. */
function lines(text: string): string {
  return text.slice(text.indexOf('\n') + 1);
}

/**
 * Write a text as a terminal would: of a line that was begun anew only the last is shown, as
 * progress bars mean it.
 */
export function asShown(text: string): string {
  return text
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map(line => line.slice(line.lastIndexOf('\r', line.length - 2) + 1))
    .join('\n')
    .replace(/\r/g, '');
}
