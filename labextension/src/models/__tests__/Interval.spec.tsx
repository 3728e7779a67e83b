import { render, screen } from '@testing-library/react';
import React from 'react';
import { expect, it } from 'vitest';
import { check, trans } from '../../__tests__/samples';
import type { CheckResult } from '../../wire';
import { Interval, isDrawn } from '../Interval';

function draw(more: Partial<CheckResult> = {}): SVGElement {
  const { container } = render(<Interval check={check(more)} trans={trans} />);
  return container.querySelector('svg') as SVGElement;
}

function x(picture: SVGElement, selector: string, name = 'x1'): number {
  const value = picture.querySelector(selector)?.getAttribute(name) ?? '';
  return Number(value.replace('%', ''));
}

it('says what it shows', () => {
  draw();
  const picture = screen.getByRole('img', {
    name: 'difference +0.4 points, between −0.2 and +1; limit −1'
  });
  expect(picture.querySelector('title')?.textContent).toBe(
    'difference +0.4 points, between −0.2 and +1; limit −1 · 27,321 rows · paired t · p = 0.0003'
  );
});

it('keeps the order of the numbers from left to right', () => {
  const picture = draw();
  const places = [
    x(picture, '.jp-Mlops-limit'),
    x(picture, 'line.jp-Mlops-bounds', 'x1'),
    x(picture, '.jp-Mlops-zero'),
    x(picture, 'circle', 'cx'),
    x(picture, 'line.jp-Mlops-bounds', 'x2')
  ];
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
  expect(places[4]).toBeLessThan(100);
});

it.each([
  ['above', 0],
  ['below', 6]
] as const)('shades what is beyond a limit: %s', (side, begin) => {
  const numbers = { value: 2, lower: 1, upper: 3, limit: 0, kind: 'drift' };
  const picture = draw({ ...numbers, side });
  expect(x(picture, '.jp-Mlops-beyond', 'x')).toBe(begin);
});

it('lets an open interval go on to the border', () => {
  const picture = draw({ lower: 0.001, upper: null });
  expect(x(picture, 'line.jp-Mlops-bounds', 'x2')).toBe(100);
  expect(screen.getByRole('img').getAttribute('aria-label')).toBe(
    'difference +0.4 points, at least +0.1; limit −1'
  );
});

it('has no zero for what is no difference, and needs no interval', () => {
  const numbers = { value: 0.91, lower: null, upper: null, limit: 0.9 };
  const picture = draw({ ...numbers, kind: 'floor' });
  expect(picture.querySelector('.jp-Mlops-zero')).toBeNull();
  expect(picture.querySelector('.jp-Mlops-bounds')).toBeNull();
  expect(picture.getAttribute('aria-label')).toBe('value 0.91; limit 0.9');
});

it('draws equal numbers in the middle', () => {
  const numbers = { value: 0, lower: 0, upper: 0, limit: 0 };
  expect(x(draw(numbers), 'circle', 'cx')).toBe(50);
});

it.each([
  [{ value: null }, false],
  [{ limit: null, lower: null, upper: null }, false],
  [{ lower: null, upper: null }, true]
])('is there when there is something to see: %o', (more, is) => {
  expect(isDrawn(check(more))).toBe(is);
});
