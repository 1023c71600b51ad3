// Reads the kernel's clock in the browser, which may run on another machine and differ.
//
// Every frame holds the kernel's time at which it was sent.  It arrives later than that, by a time that
// is not known but never negative: so of several frames the one that was quickest is the most exact.

const MOST = 20;
const FORGET_S = 60;   // either clock may be set
/** A first state may be on its way for so long, in seconds; less is no difference between two clocks. */
const SLOWEST_S = 5;

/**
 * @param {number} [first]   the kernel's time in a first state, which may be some seconds old
 * @param {() => number} [read]   the browser's clock, in seconds since the epoch
 */
export function createKernelClock(first, read = () => Date.now() / 1000) {
  let heard = [];   // {at, ahead}: the browser's time, and by how much the kernel's was ahead of it
  const guess = Number.isFinite(first) ? first - read() : 0;
  const start = Math.abs(guess) > SLOWEST_S ? guess : 0;

  return {
    /** Takes the kernel's time out of a frame. @param {number | undefined} time */
    hear(time) {
      if (!Number.isFinite(time)) return;
      const at = read();
      heard = heard.filter(each => Math.abs(at - each.at) < FORGET_S).slice(1 - MOST);
      heard.push({ at, ahead: time - at });
    },
    /** Returns the kernel's time, in seconds since the epoch. */
    now: () => read() + (heard.length ? Math.max(...heard.map(({ ahead }) => ahead)) : start)
  };
}
