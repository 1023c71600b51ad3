// The kernel's clock, read in the browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createKernelClock } from '../../widgets/jobactors_widgets/static/kernel_clock.js';

let here = 0;
const clockAt = (time, first) => {
  here = time;
  return createKernelClock(first, () => here);
};

test('the quickest frame is believed', () => {
  const clock = clockAt(1000);
  assert.equal(clock.now(), 1000);
  for (const late of [3, 0.25, 1]) clock.hear(here + 500 - late);
  assert.equal(clock.now(), 1499.75);
  here += 10;
  assert.equal(clock.now(), 1509.75);
});

test('a clock that is set is followed', () => {
  const clock = clockAt(1000);
  clock.hear(1000);
  here += 61;
  clock.hear(here - 3600);
  assert.equal(clock.now(), here - 3600);
});

test('a first state may be late, but not by hours', () => {
  assert.equal(clockAt(1000, 997).now(), 1000);
  assert.equal(clockAt(1000, 1000 - 7200).now(), 1000 - 7200);
  assert.equal(clockAt(1000, undefined).now(), 1000);
});

test('a frame without a time changes nothing', () => {
  const clock = clockAt(1000);
  clock.hear(undefined);
  clock.hear(NaN);
  assert.equal(clock.now(), 1000);
});
