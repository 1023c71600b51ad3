// Which keys a panel keeps from its host.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fenceKeys, isForHost } from '../../widgets/jobactors_widgets/static/keys.js';
import { fakeDocument } from './fake_dom.mjs';

const FENCE = 'data-lm-suppress-shortcuts';

test('plain keys are the panel\'s, those with Ctrl and those that lead out are not', () => {
  const ours = ['a', 'x', '0', 'Delete', 'Enter', 'ArrowDown', ' '].map(key => ({ key }));
  const theirs = [{ key: 's', ctrlKey: true }, { key: 'c', metaKey: true }, { key: 'Tab' }, { key: 'Escape' }];
  assert.deepEqual(ours.map(isForHost), ours.map(() => false));
  assert.deepEqual(theirs.map(isForHost), theirs.map(() => true));
  assert.equal(isForHost({ key: 'Enter', ctrlKey: true }), false);   // it would run the cell
});

test('what has the focus is marked for each key, and nothing of others', () => {
  const page = {
    addEventListener: (kind, fn, capture) => { page[kind] = fn; page.captures = capture; },
    removeEventListener: () => { page.keydown = null; }
  };
  const mine = fakeDocument();
  const other = fakeDocument();
  const end = fenceKeys(target => target === mine, page);
  assert.equal(page.captures, true);
  for (const target of [mine, other]) page.keydown({ key: 'x', target });
  assert.deepEqual([mine, other].map(el => el.getAttribute(FENCE)), ['', null]);
  page.keydown({ key: 's', ctrlKey: true, target: mine });
  assert.equal(mine.getAttribute(FENCE), null);
  end();
  assert.equal(page.keydown, null);
});
