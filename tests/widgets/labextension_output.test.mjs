// An output by its widget, by the rows of the kernel, or by the saved table.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createOutputs } from '../../widgets/jobactors_widgets/labextension/sidebar/output.js';
import { fakeDocument } from './fake_dom.mjs';

const JOBS = 'application/vnd.jobactors.jobs+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';

class Widget {
  node = document.createElement('div');
  parent = null;
  isDisposed = false;
  addClass() {}
  dispose() { this.isDisposed = true; }
}
class Panel extends Widget {
  widgets = [];
  insertWidget(at, widget) {
    this.widgets = this.widgets.filter(each => each !== widget);
    this.widgets.splice(at, 0, widget);
    const panel = this;
    Object.defineProperty(widget, 'parent', {
      configurable: true,
      set: () => { panel.widgets = panel.widgets.filter(each => each !== widget); }
    });
  }
}

let factory, link, outputs, made, output;

beforeEach(() => {
  beside = false;
  fakeDocument();
  globalThis.MutationObserver = class { observe() {} disconnect() {} };
  made = {};
  link = undefined;
  const rendermime = {
    addFactory: (given, rank) => { factory = { ...given, rank }; },
    createRenderer: mimeType => (made[mimeType] = Object.assign(new Widget(), { mimeType, renderModel: async () => {} }))
  };
  const tracker = { widgetAdded: { connect: () => {} }, forEach: fn => fn({ content: { rendermime } }) };
  outputs = createOutputs({ tracker, widgets: { Panel, Widget }, linkIn: () => link });
  output = factory.createRenderer();
});

afterEach(() => output.dispose());

const render = (more = {}) => output.renderModel({
  trusted: true,
  data: { [JOBS]: { system: 's1', job: 'a' }, [WIDGET]: { model_id: 'm' }, 'text/html': '<table>', ...more }
});
const shown = () => output.widgets.map(each => each.mimeType || (each.node.all('ja-row').length ? 'rows' : each.node.textContent));
let beside = false;   // whether the jobs are those of a second job system
const kernelHas = (system, ...ids) => {
  const rows = ids.map(id => ({ id, name: id, state: 'running' }));
  const known = { live: true, hears: true, ended: false, notice: '', system, rows };
  const others = { named: '', now: () => 0, send: () => {}, known: { ...known, system: 'own', rows: [] } };
  link = { kernelId: 'k', parts: [...(beside ? [others] : []), { named: beside ? 'films' : '', now: () => 0, send: () => {}, known }] };
  outputs.update();
};

test('it comes before the widget, which shows it as long as it lives', async () => {
  assert.ok(factory.rank < -10);
  await render();
  made[WIDGET].node.appendChild(document.createElement('div'));
  kernelHas('s1', 'a');
  assert.deepEqual(shown(), [WIDGET]);
});

test('without a widget: the table, then the jobs of the same system, live', async () => {
  await render({ [WIDGET]: undefined });
  assert.equal(shown()[0], 'text/html');
  assert.match(shown()[1], /jobs = ja.start\(\)/);
  kernelHas('s1', 'a', 'b');
  assert.deepEqual(shown(), ['rows']);
  assert.equal(output.widgets[0].node.all('ja-row').length, 1);
  link = undefined;
  outputs.update();
  assert.match(output.widgets[0].node.one('ja-notice').textContent, /kernel was restarted/);
});

test('the jobs of a second job system of the kernel are live, too', async () => {
  beside = true;
  await render({ [WIDGET]: undefined });
  kernelHas('s1', 'a', 'b');
  assert.deepEqual(shown(), ['rows']);
});

test('other jobs are shown on request', async () => {
  await render({ [WIDGET]: undefined });
  kernelHas('s2', 'x', 'y');
  assert.match(shown()[1], /^The kernel has other jobs now.*Show the jobs now$/);
  output.widgets[1].node.childNodes[1].click();
  assert.deepEqual(shown(), ['rows']);
  assert.equal(output.widgets[0].node.all('ja-row').length, 2);
});
