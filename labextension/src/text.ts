/** How numbers, times and sizes are written in the panel. Nothing here knows JupyterLab. */

/**
 * What the views need of a translation bundle.
 */
export interface ITranslate {
  /** Translate a text. */
  __(msgid: string, ...args: unknown[]): string;

  /** Translate a text that depends on a number. */
  _n(
    singular: string,
    plural: string,
    count: number,
    ...args: unknown[]
  ): string;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Write how long ago something was: `now`, `40 s`, `5 min`, `3 h`, `12 d`.
 *
 * @param iso - ISO 8601 in UTC
 * @param now - Milliseconds since the epoch
 */
export function age(iso: string, now: number, trans: ITranslate): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (seconds < 5) {
    return trans.__('now');
  }
  if (seconds < MINUTE) {
    return trans.__('%1 s', Math.floor(seconds));
  }
  if (seconds < HOUR) {
    return trans.__('%1 min', Math.floor(seconds / MINUTE));
  }
  if (seconds < DAY) {
    return trans.__('%1 h', Math.floor(seconds / HOUR));
  }
  return trans.__('%1 d', Math.floor(seconds / DAY));
}

/**
 * Write a duration: `12 ms`, `3.1 s`, `2 min 5 s`, `1 h 12 min`.
 */
export function duration(seconds: number, trans: ITranslate): string {
  if (seconds < 0.9995) {
    return trans.__('%1 ms', Math.round(seconds * 1000));
  }
  if (seconds < 59.95) {
    return trans.__('%1 s', seconds.toFixed(1));
  }
  const whole = Math.round(seconds);
  if (whole < HOUR) {
    return trans.__('%1 min %2 s', Math.floor(whole / MINUTE), whole % MINUTE);
  }
  return trans.__(
    '%1 h %2 min',
    Math.floor(whole / HOUR),
    Math.floor((whole % HOUR) / MINUTE)
  );
}

/**
 * Return the seconds between two times, or null while the second is not known.
 */
export function between(
  begin: string | null,
  end: string | null
): number | null {
  return begin && end ? (Date.parse(end) - Date.parse(begin)) / 1000 : null;
}

/**
 * Write a metric with four significant digits, or with one after the point when it is large.
 *
 * @param value - null stands for NaN, which JSON cannot say
 */
export function metric(value: number | null): string {
  if (value === null) {
    return 'NaN';
  }
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) {
    return String(value);
  }
  if (size >= 1e6 || size < 1e-3) {
    return value.toExponential(2);
  }
  return size >= 1000 ? value.toFixed(1) : value.toPrecision(4);
}

/**
 * Write a number with three significant digits at most: `0.0133`, `−0.2`, `27,321`.
 */
export function brief(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size >= 1e6 || (size > 0 && size < 1e-4)) {
    return sign + size.toExponential(1).replace('-', '−');
  }
  return sign + (size >= 999.5 ? count(Math.round(size)) : digits(size));
}

function digits(size: number): string {
  return String(Number(size.toPrecision(3)));
}

/**
 * Write a difference with its sign: `+0.0133`, `−0.2`, `0`.
 */
export function signed(value: number): string {
  return value > 0 ? `+${brief(value)}` : brief(value);
}

/**
 * Write the value of a parameter as one line; texts stand without quotes.
 */
export function parameter(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Write a count with thousands set apart.
 */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/**
 * Write a size: `512 B`, `1.4 kB`, `29.8 MB`, `2.1 GB`.
 */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * Write the beginning of a digest or a commit.
 */
export function short(digest: string): string {
  return digest.replace(/^blake3:/, '').slice(0, 8);
}

/**
 * Write a time in the reader's own time zone.
 */
export function moment(iso: string): string {
  return new Date(iso).toLocaleString();
}
