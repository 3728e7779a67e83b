import { describe, expect, it } from 'vitest';
import * as text from '../text';
import { trans } from './samples';

describe('age', () => {
  const now = Date.parse('2025-03-01T12:00:00Z');
  it.each([
    ['2025-03-01T12:00:00.100000+00:00', 'now'],
    ['2025-03-01T11:59:20.000000+00:00', '40 s'],
    ['2025-03-01T11:55:00.000000+00:00', '5 min'],
    ['2025-03-01T09:00:00.000000+00:00', '3 h'],
    ['2025-02-17T12:00:00.000000+00:00', '12 d']
  ])('%s is %s', (iso, said) => {
    expect(text.age(iso, now, trans)).toBe(said);
  });
});

it.each([
  [0.0124, '12 ms'],
  [0.9999, '1.0 s'],
  [59.94, '59.9 s'],
  [59.96, '1 min 0 s'],
  [125, '2 min 5 s'],
  [4320, '1 h 12 min']
])('a duration of %d is %s', (seconds, said) => {
  expect(text.duration(seconds, trans)).toBe(said);
});

it.each([
  [null, 'NaN'],
  [0, '0'],
  [27321, '27321'],
  [0.794561, '0.7946'],
  [12.3456, '12.35'],
  [123456.78, '123456.8'],
  [-0.00001234, '-1.23e-5'],
  [1234567.8, '1.23e+6']
])('a metric of %d is %s', (value, said) => {
  expect(text.metric(value)).toBe(said);
});

it.each([
  [0, '0', '0'],
  [0.0133333, '0.0133', '+0.0133'],
  [-0.2, '−0.2', '−0.2'],
  [27_321, '27,321', '+27,321'],
  [999.7, '1,000', '+1,000'],
  [0.0000123, '1.2e−5', '+1.2e−5'],
  [-1234567, '−1.2e+6', '−1.2e+6']
])('a number of %d is %s, a difference %s', (value, said, difference) => {
  expect(text.brief(value)).toBe(said);
  expect(text.signed(value)).toBe(difference);
});

it.each([
  [512, '512 B'],
  [1400, '1.4 kB'],
  [29_800_000, '29.8 MB'],
  [999_999, '1.0 MB'],
  [108_416, '108 kB']
])('a size of %d is %s', (bytes, said) => {
  expect(text.size(bytes)).toBe(said);
});

it('writes parameters as one line', () => {
  expect(text.parameter('l2')).toBe('l2');
  expect(text.parameter([3, 5])).toBe('[3,5]');
  expect(text.parameter(null)).toBe('null');
});
