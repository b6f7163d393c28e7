// One row of the list: a threat in a line or two, its whole text when it is open, or a marker.

import { buildDetail } from "./detail.js";
import { element } from "./dom.js";
import { exactThreat } from "./store.js";

// A row shows one or two lines; the whole text stands in its detail.
const rowTextMax = 300;

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

/**
 * The node of an entry and those of its parts, which are kept from when they were made: extensions of browsers put
 * nodes of their own between them.
 */
export class Row {
  #time;
  #badge;
  #type;
  #title;
  #triage;
  #customer;
  #detail;

  constructor(entry, template) {
    this.entry = entry;
    if (entry.kind === "marker") {
      this.node = element("li", "marker");
      this.node.append(element("span", "", entry.message));
      this.details = this.summary = null;
      return;
    }
    this.node = template.content.firstElementChild.cloneNode(true);
    const part = (selector) => this.node.querySelector(selector);
    this.details = part("details");
    this.summary = part("summary");
    this.#time = part("time");
    this.#badge = part(".badge");
    this.#type = part(".row-type");
    this.#title = part(".row-title");
    this.#triage = part(".row-triage");
    this.#customer = part(".row-customer");
    this.#detail = part(".detail");
    this.describe();
  }

  /** Stands in for a row that cannot be made. */
  static unshowable(entry) {
    const message = `A threat cannot be shown here: ${entry.severity} ${entry.id}`;
    return new Row({ ...entry, kind: "marker", message }, null);
  }

  /** Writes the entry as it stands into the row. */
  describe() {
    const { entry } = this;
    if (this.summary === null) return;
    this.node.dataset.severity = entry.severity;
    this.node.dataset.id = entry.id;
    this.#time.textContent = shortTime(entry.receivedAt);
    this.#time.dateTime = entry.receivedAt;
    this.#badge.textContent = entry.severity;
    this.#type.textContent = shorten(entry.type);
    this.#title.textContent = shorten(entry.title) || "No title";
    this.#title.classList.toggle("absent", entry.title === "");
    this.#customer.textContent = shorten(entry.customer);
    const status = entry.threat.triage?.status;
    this.#triage.textContent = typeof status === "string" && status !== "new" ? shorten(status) : "";
    if (this.details.open) this.fillDetail();
  }

  /** Builds the detail while the row is open, and takes it away when it is not. */
  fillDetail() {
    this.#detail.replaceChildren(...(this.details.open ? [buildDetail(exactThreat(this.entry))] : []));
  }
}
