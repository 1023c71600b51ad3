// Holds which jobs are selected; a range goes from the one that was picked last.  No DOM.

export function createSelection() {
  const selected = new Set();   // job ids
  let last = null;

  /** @param {string} id @param {boolean} on @param {boolean} range @param {string[]} order   ids, top to bottom */
  function pick(id, on, range, order) {
    const [from, to] = [order.indexOf(last), order.indexOf(id)].sort((a, b) => a - b);
    for (const each of range && from >= 0 ? order.slice(from, to + 1) : [id]) {
      if (on) selected.add(each);
      else selected.delete(each);
    }
    last = id;
  }

  return {
    pick, ids: selected,
    /** @param {string[]} ids */
    set(ids) {
      selected.clear();
      for (const id of ids) selected.add(id);
    },
    /** @param {Set<string>} there */
    keepOnly(there) { for (const id of [...selected]) if (!there.has(id)) selected.delete(id); }
  };
}
