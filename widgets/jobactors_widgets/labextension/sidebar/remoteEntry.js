/* Loads the plugin in JupyterLab: a module-federation container, written by hand, not by a bundler.
 *
 * JupyterLab runs this as a classic script, then calls `init(shareScope)`, and later
 * `get('./extension')`, which returns a function that returns the module.
 */
(() => {
  'use strict';
  const NAME = 'jobactors';
  const base = document.currentScript.src;   // known only while the script itself runs
  let scope = null;

  /** Returns the parts of a version, for comparing: 1.2.3-rc.1 comes before 1.2.3. */
  const parts = version => {
    const [core, early] = String(version).split('-', 2);
    return [...core.split('.').map(n => parseInt(n, 10) || 0), early ? 0 : 1];
  };
  const order = (a, b) => {
    const [x, y] = [parts(a), parts(b)];
    for (let i = 0; i < 4; i++) if ((x[i] || 0) !== (y[i] || 0)) return (x[i] || 0) - (y[i] || 0);
    return 0;
  };

  /** Returns a module that JupyterLab shares; null where it shares none of this name. */
  async function shared(name) {
    const versions = scope && scope[name];
    if (!versions) return null;
    const all = Object.keys(versions);
    const loaded = all.filter(version => versions[version].loaded || versions[version].lib);
    const best = (loaded.length ? loaded : all).sort(order).pop();
    if (best === undefined) return null;
    const factory = versions[best].lib || (await versions[best].get());
    return factory();
  }

  /**
   * Asks the server anew for a file, and for those it names.  A server may let the browser cache files
   * for days, also over an upgrade; this costs a "304 Not Modified" each, before any is imported.
   */
  async function refresh(url, seen = new Set()) {
    if (seen.has(url)) return;
    seen.add(url);
    const text = await fetch(url, { cache: 'no-cache', credentials: 'same-origin' }).then(answer => answer.text());
    const named = [...text.matchAll(/'(\.{1,2}\/[\w./-]+\.(?:js|css))'/g)];
    await Promise.all(named.map(([, path]) => refresh(new URL(path, url).href, seen)));
  }

  const container = {
    init(shareScope) {
      if (scope && scope !== shareScope) throw new Error(`${NAME}: two applications share one page`);
      scope = shareScope;
    },
    async get(module) {
      if (module !== './extension') throw new Error(`${NAME}: there is no module ${module}`);
      const extension = new URL('extension.js', base).href;
      await refresh(extension).catch(() => {});   // a file that cannot be fetched is imported as it is
      const { makePlugins } = await import(extension);
      const plugins = await makePlugins(shared);
      return () => ({ __esModule: true, default: plugins });
    }
  };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = container;
})();
