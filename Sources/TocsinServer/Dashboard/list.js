// The list of threats: at most 500 rows, drawn once per animation frame, never pushed away under a reader.

import { placeNodes } from "./dom.js";
import { Hold } from "./hold.js";
import { Row } from "./row.js";
import { makeMarker } from "./store.js";
import { compareCursors } from "./wire.js";

export const rowsMax = 500;
// More new rows than this in one frame is a flood: a highlight would only flicker, and rows below the
// window would be built and dropped unseen. They are filled in, some per frame, once it is over.
const calmMax = 4;
const floodRowsMax = 60;
const fillAfterMilliseconds = 250;
const fillRows = 40;
const topSlack = 24;
// Who comes back finds what they had seen last, however much has come since.
const seenRowsKept = 50;
// Who was away for less knows what is new.
const awayMilliseconds = 60_000;
const redrawFirstMilliseconds = 250;
const redrawMaxMilliseconds = 30_000;

const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

/**
 * Draws entries newest first. `onChange(summary)` hears that the rows, or those that wait, became others:
 * {count, isFull, hold, waiting, waitingCriticals, failure}, where a failure is what keeps it from drawing, in words.
 * `onFailure(message)` hears of a drawing that failed, once until one succeeds.
 */
export class ThreatList {
  #list;
  #scroller;
  #template;
  #onChange;
  #onFailure;
  #hold = new Hold({ isOnScreen: (entry) => this.#isOnScreen(entry) });
  // Newest first.
  #shown = [];
  // Those of the beginning of #shown that have rows in the list.
  #drawn = [];
  #rows = new WeakMap();
  #waiting = [];
  #waitingCount = 0;
  #waitingCriticals = 0;
  #pausedAfter = 0;
  #matches = () => true;
  #frame = null;
  #fillTimer = null;
  #redrawTimer = null;
  #failure = "";
  #failures = 0;
  #tabStop = null;

  constructor({ list, scroller, template, onChange, onFailure }) {
    this.#list = list;
    this.#scroller = scroller;
    this.#template = template;
    this.#onChange = onChange;
    this.#onFailure = onFailure;
    list.addEventListener("toggle", (event) => this.#toggled(event.target), true);
    list.addEventListener("keydown", (event) => this.#moved(event));
    list.addEventListener("focusin", (event) => this.#setTabStop(event.target.closest("summary")));
    list.addEventListener("focusout", (event) => {
      if (!list.contains(event.relatedTarget)) this.#setTabStop(null);
    });
    for (const target of [scroller, window]) {
      target.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    }
    for (const type of ["pointerdown", "pointermove", "wheel", "touchmove", "keydown"]) {
      addEventListener(type, () => this.#hold.touched(performance.now()), { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => this.beat(performance.now()));
  }

  add(entry) {
    if (!this.#matches(entry)) return;
    this.#waiting.push(entry);
    this.#waitingCount += 1;
    if (entry.severity === "CRITICAL") this.#waitingCriticals += 1;
    if (this.#waiting.length > 2 * rowsMax) this.#waiting.splice(0, this.#waiting.length - rowsMax);
    this.schedule();
  }

  /** Adds what was found of older threats, newest first: below all rows, but for what fills a gap between them. */
  append(entries) {
    const ids = new Set([...this.#shown, ...this.#waiting].map((entry) => entry.id));
    for (const entry of entries.filter(({ id }) => !ids.has(id))) {
      const isOlder = (row) => row.kind === "threat" && compareCursors(row.cursor, entry.cursor) < 0;
      const index = this.#shown.findIndex(isOlder);
      this.#shown.splice(index === -1 ? this.#shown.length : index, 0, entry);
    }
    this.#shown.splice(rowsMax);
    this.#fillLater(0);
    this.#report();
  }

  /** Shows other triage of a threat. `entry` is the remembered one, or undefined if only a row may still have it. */
  update(id, triage, entry = this.#shown.find((shown) => shown.id === id)) {
    if (entry === undefined || triage === null || typeof triage !== "object") return;
    entry.threat = { ...entry.threat, triage };
    if (entry.row !== null) this.#attempt(() => entry.row.describe());
  }

  /** Shows the newest of `entries` (oldest first) that match; rows that stay keep their state. */
  show(matches, entries) {
    this.#matches = matches;
    const matching = entries.filter(matches);
    const isNews = (entry) => this.#hold.isPaused && entry.arrival > this.#pausedAfter;
    this.#shown = matching.filter((entry) => !isNews(entry)).slice(-rowsMax).reverse();
    this.#waiting = matching.filter(isNews);
    this.#waitingCount = this.#waiting.length;
    this.#waitingCriticals = this.#waiting.filter((entry) => entry.severity === "CRITICAL").length;
    if (!this.#hold.isPaused) this.#hold.period = null;
    this.#attempt(() => this.#place(rowsMax));
    this.#report();
  }

  get isPaused() {
    return this.#hold.isPaused;
  }

  /** Holds back every entry that arrives after number `arrivals`, or goes on. */
  pause(isPaused, arrivals) {
    this.#hold.pause(isPaused);
    this.#pausedAfter = arrivals;
    this.beat(performance.now());
  }

  /** Ends whatever holds the list, draws what waits, and goes to the newest. */
  release() {
    this.#hold.release();
    this.#attempt(() => this.#draw());
    this.#scroller.scrollTo({ top: 0 });
    if (this.#list.getBoundingClientRect().top < 0) this.#list.scrollIntoView({ block: "start" });
    this.#drawn.find((entry) => entry.row?.summary)?.row.summary.focus({ preventScroll: true });
    this.#report();
  }

  /** Once a second, and whenever something may have begun or ended a hold. */
  beat(now) {
    const reason = this.#hold.reason(now);
    if (reason === null && this.#waitingCount === 0) this.#hold.period = null;
    if (reason === null && this.#waitingCount > 0) this.schedule();
    this.#report();
  }

  schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (this.#hold.reason(performance.now()) === null) this.#attempt(() => this.#draw());
      this.#report();
    });
  }

  #report() {
    const threats = this.#shown.filter((entry) => entry.kind === "threat").length;
    this.#onChange({
      count: threats,
      isFull: this.#shown.length >= rowsMax,
      hold: this.#hold.reason(performance.now()),
      waiting: this.#waitingCount,
      waitingCriticals: this.#waitingCriticals,
      failure: this.#failure,
    });
  }

  // --- Drawing ---

  /** Whatever goes wrong in a drawing, the next one begins from what is to be shown, not from what is in the list. */
  #attempt(draw) {
    try {
      draw();
      this.#failure = "";
      this.#failures = 0;
    } catch (error) {
      console.error("The list could not be drawn", error);
      this.#failure = String(error?.message ?? error).slice(0, 200);
      if (this.#failures === 0) this.#onFailure(this.#failure);
      const wait = Math.min(redrawMaxMilliseconds, redrawFirstMilliseconds * 2 ** Math.min(this.#failures, 10));
      this.#failures += 1;
      clearTimeout(this.#redrawTimer);
      this.#redrawTimer = setTimeout(() => {
        this.#attempt(() => this.#drawAnew());
        this.#report();
      }, wait);
    }
  }

  #drawAnew() {
    for (const entry of this.#drawn) if (entry.row !== null) this.#drop(entry);
    this.#drawn = [];
    this.#place(floodRowsMax);
    this.#fillLater(fillAfterMilliseconds);
  }

  #draw() {
    const isFirst = this.#shown.length === 0;
    const fresh = this.#takeWaiting();
    if (fresh.length === 0) return;
    const isFlood = fresh.length > calmMax;
    this.#place(isFlood ? floodRowsMax : this.#drawn.length + fresh.length);
    if (!isFlood && !isFirst) for (const entry of fresh) entry.row?.node.classList.add("fresh");
    if (isFlood) this.#fillLater(fillAfterMilliseconds);
  }

  /** Moves what waits to what is shown, with a marker where the analyst may miss something. Returns both. */
  #takeWaiting() {
    const { period } = this.#hold;
    const isReturn = period !== null && this.#shown.length > 0 && this.#waitingCount > 0;
    const room = isReturn ? rowsMax - seenRowsKept - 1 : rowsMax;
    const fresh = this.#waiting.slice(-room).reverse();
    const parts = [...fresh];
    if (isReturn) {
      const missed = this.#waitingCount - fresh.length;
      const wasLong = period.reason !== "reading" && performance.now() - period.since >= awayMilliseconds;
      if (missed > 0 || wasLong) parts.push(makeMarker(this.#returnWords(period, missed)));
    }
    this.#shown = [...parts, ...this.#shown].slice(0, rowsMax);
    this.#waiting = [];
    this.#waitingCount = this.#waitingCriticals = 0;
    this.#hold.period = null;
    return parts;
  }

  #returnWords({ reason, at }, missed) {
    const since = { paused: "Since you paused", hidden: "Since you left", reading: "Since you began to read" }[reason];
    const not = missed > 0 ? `, ${number.format(missed)} of them not shown` : "";
    return `${since} at ${clock.format(at)}: ${number.format(this.#waitingCount)} new${not}`;
  }

  /** Makes the rows of the list those of the first `count` entries, in their order; nodes of others stay. */
  #place(count) {
    const entries = this.#shown.slice(0, count);
    const kept = new Set(entries);
    let isFocusLost = false;
    for (const entry of this.#drawn) {
      if (kept.has(entry) || entry.row === null) continue;
      isFocusLost ||= entry.row.node.contains(document.activeElement);
      this.#drop(entry);
    }
    // Before anything can fail, so that a drawing anew finds all rows there may be.
    this.#drawn = entries;
    placeNodes(this.#list, entries.map((entry) => (entry.row ?? this.#makeRow(entry)).node));
    if (isFocusLost) this.#firstSummary?.focus();
    if (!this.#list.contains(document.activeElement)) this.#setTabStop(null);
  }

  #fillLater(delay) {
    clearTimeout(this.#fillTimer);
    if (this.#drawn.length >= this.#shown.length) return;
    this.#fillTimer = setTimeout(() => requestAnimationFrame(() => {
      this.#attempt(() => this.#place(this.#drawn.length + fillRows));
      this.#fillLater(0);
    }), delay);
  }

  #drop(entry) {
    this.#hold.closed(entry);
    entry.row.node.remove();
    entry.row = null;
  }

  #makeRow(entry) {
    try {
      entry.row = new Row(entry, this.#template);
    } catch (error) {
      // Once may be the browser's fault; a threat that fails again must not keep all others away.
      if (this.#failures === 0) throw error;
      entry.row = Row.unshowable(entry);
    }
    this.#rows.set(entry.row.node, entry);
    return entry.row;
  }

  // --- The analyst ---

  #isOnScreen(entry) {
    if (entry.row === null) return false;
    const row = entry.row.node.getBoundingClientRect();
    const frame = this.#scroller.getBoundingClientRect();
    return row.bottom > Math.max(frame.top, 0) && row.top < Math.min(frame.bottom, innerHeight);
  }

  #toggled(details) {
    const entry = this.#rows.get(details.closest(".row"));
    if (entry === undefined || details !== entry.row?.details) return;
    if (details.open) this.#hold.opened(entry, performance.now());
    else this.#hold.closed(entry);
    this.#attempt(() => entry.row.fillDetail());
    this.beat(performance.now());
  }

  #scrolled() {
    const isAway = this.#scroller.scrollTop > topSlack || this.#list.getBoundingClientRect().top < -topSlack;
    this.#hold.scrolled(isAway, performance.now());
    this.schedule();
  }

  /** Arrow keys, Home and End move between rows; the list is one stop for the Tab key. */
  #moved(event) {
    const summary = event.target.closest("summary");
    if (summary === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = this.#drawn.flatMap((entry) => entry.row?.summary ?? []);
    const at = all.indexOf(summary);
    const goal = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (goal === undefined || at < 0) return;
    event.preventDefault();
    all[Math.min(Math.max(goal, 0), all.length - 1)].focus();
  }

  get #firstSummary() {
    return this.#drawn.find((entry) => entry.row?.summary)?.row.summary ?? null;
  }

  #setTabStop(summary) {
    const stop = summary ?? this.#firstSummary;
    if (this.#tabStop !== null && this.#tabStop !== stop) this.#tabStop.tabIndex = -1;
    if (stop !== null) stop.tabIndex = 0;
    this.#tabStop = stop;
  }
}
