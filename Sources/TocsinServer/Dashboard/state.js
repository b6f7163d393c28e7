// What the page knows of itself, in one place: whoever learns something changes it here, and one function draws it.

import { everything } from "./address.js";

/**
 * The state of a page that has just been opened. Its parts, each replaced as a whole by the one who knows:
 *
 * - `view` (the controls): what the analyst wants to see, {minSeverity, types}.
 * - `feed` (feed.js): {phase, retryAt, since, reason, log}.
 * - `lag` (lag.js): how far the page is behind the log, or null.
 * - `list` (list.js): {count, isFull, hold, waiting, waitingCriticals, failure}.
 * - `fill` (fill.js): the question for what matches and is not in memory, {phase, reason}.
 * - `counts` (tally.js): {isReady, answeredAt, problem}.
 */
export const initialState = () => ({
  view: everything,
  feed: { phase: "connecting", retryAt: null, since: new Date(), reason: "", log: null },
  lag: null,
  list: { count: 0, isFull: false, hold: null, waiting: 0, waitingCriticals: 0, failure: "" },
  fill: { phase: "idle", reason: "" },
  counts: { isReady: false, answeredAt: null, problem: "" },
});

/** Holds the state. `onChange(state)` is called once for all changes of the same turn of the event loop. */
export class State {
  #onChange;
  #isQueued = false;

  constructor(onChange) {
    this.#onChange = onChange;
    this.value = initialState();
  }

  /** Replaces parts: `change({ lag: null, view })`. */
  change(parts) {
    this.value = { ...this.value, ...parts };
    if (this.#isQueued) return;
    this.#isQueued = true;
    queueMicrotask(() => {
      this.#isQueued = false;
      this.#onChange(this.value);
    });
  }
}
