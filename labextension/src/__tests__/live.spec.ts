import { expect, it } from 'vitest';
import { Live } from '../live';

/** A look that ends when the test says so. */
function slow(): {
  look: () => Promise<number>;
  end: (value: number | Error) => Promise<void>;
  looks: () => number;
} {
  const waiting: ((value: number | Error) => void)[] = [];
  let looks = 0;
  return {
    look: () =>
      new Promise((resolve, reject) => {
        looks += 1;
        waiting.push(value =>
          value instanceof Error ? reject(value) : resolve(value)
        );
      }),
    end: async value => {
      waiting.shift()?.(value);
      await new Promise(resolve => setTimeout(resolve));
    },
    looks: () => looks
  };
}

it('looks for nobody', async () => {
  const { look, looks } = slow();
  const live = new Live(look);
  await live.invalidate();
  expect(looks()).toBe(0);
});

it('looks when somebody begins to watch, and not again for the next', async () => {
  const { look, end, looks } = slow();
  const live = new Live(look);
  live.isActive = true;
  await end(1);
  live.isActive = false;
  live.isActive = true;
  expect(looks()).toBe(1);
  expect(live.value).toBe(1);
});

it('looks again for somebody who comes back after a change', async () => {
  const { look, end, looks } = slow();
  const live = new Live(look);
  live.isActive = true;
  await end(1);
  live.isActive = false;
  await live.invalidate();
  expect(looks()).toBe(1);
  live.isActive = true;
  expect(looks()).toBe(2);
});

it('makes one more look of all that is asked for during a look', async () => {
  const { look, end, looks } = slow();
  const live = new Live(look);
  live.isActive = true;
  void live.invalidate();
  void live.invalidate();
  void live.invalidate();
  expect(looks()).toBe(1);
  await end(1);
  expect(looks()).toBe(2);
  await end(2);
  expect(looks()).toBe(2);
  expect(live.value).toBe(2);
});

it('keeps the value when a look fails, and says why', async () => {
  const { look, end } = slow();
  const live = new Live(look);
  live.isActive = true;
  await end(1);
  void live.invalidate();
  await end(Object.assign(new Error('away'), { hint: 'wait' }));
  expect(live.value).toBe(1);
  expect(live.problem).toEqual({ message: 'away', hint: 'wait' });
  void live.invalidate();
  await end(2);
  expect(live.problem).toBeNull();
});

it('drops an answer that is of the place before', async () => {
  const { look, end } = slow();
  const live = new Live(look);
  live.isActive = true;
  live.clear();
  await end(1);
  expect(live.value).toBeNull();
  await end(2);
  expect(live.value).toBe(2);
});

it('says nothing after its end', async () => {
  const { look, end } = slow();
  const live = new Live(look);
  let said = 0;
  live.changed.connect(() => (said += 1));
  live.isActive = true;
  live.dispose();
  await end(1);
  expect(said).toBe(0);
});
