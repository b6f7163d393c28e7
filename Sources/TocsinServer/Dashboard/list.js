// The list of threats: at most 500 rows, drawn once per animation frame, never pushed away under a reader.

import { buildDetail, element } from "./detail.js";

export const rowsMax = 500;
// A row shows one or two lines; the whole text stands in its detail.
const rowTextMax = 300;
// More new rows than this in one frame is a flood: a highlight would only flicker, and rows below the
// window would be built and dropped unseen. They are filled in, some per frame, once it is over.
const calmMax = 4;
const floodRowsMax = 60;
const fillAfterMilliseconds = 250;
const fillRows = 40;
const topSlack = 24;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const clockWithDay = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

function shortTime(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text.slice(0, 40);
  return (date.toDateString() === new Date().toDateString() ? clock : clockWithDay).format(date);
}

function shorten(text) {
  if (text.length <= rowTextMax) return text;
  return `${[...text.slice(0, rowTextMax)].slice(0, -1).join("")}…`;
}

/** Draws entries newest first. `onChange` hears that the rows, or those that wait, became others. */
export class ThreatList {
  #list;
  #scroller;
  #template;
  #onChange;
  #entries = new WeakMap();
  // Newest first. The rows of the list are always those of its beginning.
  #shown = [];
  #fillTimer = null;
  #waiting = [];
  #open = new Set();
  #frame = null;
  #matches = () => true;
  #scrolledAway = false;
  #tabStop = null;

  constructor({ list, scroller, template, onChange }) {
    this.#list = list;
    this.#scroller = scroller;
    this.#template = template;
    this.#onChange = onChange;
    /** Set by the analyst: nothing is drawn until it is lifted. */
    this.paused = false;
    /** Entries that match and are not drawn; more of them than `rowsMax` are only counted. */
    this.waitingCount = 0;
    list.addEventListener("toggle", (event) => this.#toggled(event.target), true);
    list.addEventListener("keydown", (event) => this.#moved(event));
    list.addEventListener("focusin", (event) => this.#setTabStop(event.target.closest("summary")));
    list.addEventListener("focusout", (event) => {
      if (!list.contains(event.relatedTarget)) this.#setTabStop(null);
    });
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
  }

  get count() {
    return this.#shown.length;
  }

  /** Why nothing is drawn: "paused", "reading" (a row is open, or the list is scrolled away), or null. */
  get hold() {
    if (this.paused) return "paused";
    return this.#open.size > 0 || this.#scrolledAway ? "reading" : null;
  }

  add(entry) {
    if (!this.#matches(entry)) return;
    this.#waiting.push(entry);
    this.waitingCount += 1;
    if (this.#waiting.length > 2 * rowsMax) this.#waiting.splice(0, this.#waiting.length - rowsMax);
    this.schedule();
  }

  /** Brings the row of a remembered entry up to date, if it has one. */
  refresh(entry) {
    if (entry.row === null) return;
    this.#describe(entry.row, entry);
    const detail = entry.row.querySelector(".detail");
    if (this.#open.has(entry)) detail.replaceChildren(buildDetail(entry.threat));
  }

  /** Shows the newest of `entries` (oldest first) that match; rows that stay keep their state. */
  setFilter(matches, entries) {
    this.#matches = matches;
    const shown = entries.filter(matches).slice(-rowsMax).reverse();
    const kept = new Set(shown);
    for (const row of [...this.#list.children]) {
      if (!kept.has(this.#entries.get(row))) this.#drop(row);
    }
    this.#shown = shown;
    this.#waiting = [];
    this.waitingCount = 0;
    this.#list.replaceChildren(...shown.map((entry) => entry.row ?? this.#makeRow(entry)));
    this.#setTabStop(null);
    this.#onChange();
  }

  /** Draws what waits although a row is open or the list is scrolled, and goes to the newest. */
  release() {
    this.paused = false;
    this.#draw();
    this.#scroller.scrollTo({ top: 0 });
    if (this.#list.getBoundingClientRect().top < 0) this.#list.scrollIntoView({ block: "start" });
    this.#list.firstElementChild?.querySelector("summary")?.focus({ preventScroll: true });
  }

  schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (this.hold === null) this.#draw();
      this.#onChange();
    });
  }

  #draw() {
    const fresh = this.#waiting.slice(-rowsMax);
    this.#waiting = [];
    this.waitingCount = 0;
    if (fresh.length === 0) return;
    const isFlood = fresh.length > calmMax;
    const highlighted = !isFlood && this.#shown.length > 0;
    fresh.reverse();
    const drawn = fresh.slice(0, floodRowsMax);
    this.#shown = [...fresh, ...this.#shown].slice(0, rowsMax);
    const parts = document.createDocumentFragment();
    for (const entry of drawn) {
      const row = this.#makeRow(entry);
      if (highlighted) row.classList.add("fresh");
      parts.append(row);
    }
    const kept = (isFlood ? floodRowsMax : rowsMax) - drawn.length;
    const focusLost = this.#trim(this.#list.childElementCount - (drawn.length < fresh.length ? 0 : kept));
    this.#list.prepend(parts);
    if (isFlood) this.#fillLater(fillAfterMilliseconds);
    if (focusLost) this.#list.querySelector("summary")?.focus();
    if (!this.#list.contains(document.activeElement)) this.#setTabStop(null);
  }

  #fillLater(delay) {
    clearTimeout(this.#fillTimer);
    this.#fillTimer = setTimeout(() => requestAnimationFrame(() => this.#fillRows()), delay);
  }

  #fillRows() {
    const from = this.#list.childElementCount;
    this.#list.append(...this.#shown.slice(from, from + fillRows).map((entry) => this.#makeRow(entry)));
    if (from + fillRows < this.#shown.length) this.#fillLater(0);
  }

  #trim(excess) {
    let focusLost = false;
    for (let left = excess; left > 0 && this.#list.lastElementChild !== null; left -= 1) {
      focusLost ||= this.#list.lastElementChild.contains(document.activeElement);
      this.#drop(this.#list.lastElementChild);
    }
    return focusLost;
  }

  #drop(row) {
    const entry = this.#entries.get(row);
    this.#open.delete(entry);
    entry.row = null;
    row.remove();
  }

  #makeRow(entry) {
    const isThreat = entry.kind === "threat";
    const row = isThreat ? this.#template.content.firstElementChild.cloneNode(true) : element("li", "marker");
    entry.row = row;
    this.#entries.set(row, entry);
    if (isThreat) this.#describe(row, entry);
    else row.append(element("span", "", entry.message));
    return row;
  }

  #describe(row, entry) {
    row.dataset.severity = entry.severity;
    row.dataset.id = entry.id;
    const put = (selector, text) => (row.querySelector(selector).textContent = text);
    const time = row.querySelector("time");
    time.textContent = shortTime(entry.receivedAt);
    time.dateTime = entry.receivedAt;
    put(".badge", entry.severity);
    put(".row-type", shorten(entry.type));
    put(".row-title", shorten(entry.title) || "No title");
    row.querySelector(".row-title").classList.toggle("absent", entry.title === "");
    put(".row-customer", shorten(entry.customer));
    const status = entry.threat.triage?.status;
    put(".row-triage", typeof status === "string" && status !== "new" ? shorten(status) : "");
  }

  #toggled(details) {
    const row = details.closest(".row");
    const entry = row && this.#entries.get(row);
    if (!entry || details !== row.firstElementChild) return;
    const detail = row.querySelector(".detail");
    if (details.open) {
      this.#open.add(entry);
      detail.replaceChildren(buildDetail(entry.threat));
    } else {
      this.#open.delete(entry);
      detail.replaceChildren();
    }
    this.schedule();
  }

  #scrolled() {
    const away = this.#scroller.scrollTop > topSlack || this.#list.getBoundingClientRect().top < -topSlack;
    if (away === this.#scrolledAway) return;
    this.#scrolledAway = away;
    this.schedule();
  }

  /** Arrow keys, Home and End move between rows; the list is one stop for the Tab key. */
  #moved(event) {
    const summary = event.target.closest("summary");
    if (summary === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...this.#list.querySelectorAll("summary")];
    const at = all.indexOf(summary);
    const goal = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    all[Math.min(Math.max(goal, 0), all.length - 1)].focus();
  }

  #setTabStop(summary) {
    const stop = summary ?? this.#list.querySelector("summary");
    if (this.#tabStop !== null && this.#tabStop !== stop) this.#tabStop.tabIndex = -1;
    if (stop !== null) stop.tabIndex = 0;
    this.#tabStop = stop;
  }
}
