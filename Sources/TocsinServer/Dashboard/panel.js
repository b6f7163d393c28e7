// The side panel: rate, totals, and counts that are also filters.

import { element, placeNodes, setText } from "./dom.js";
import { severities } from "./store.js";

const typesShownMax = 10;
// Figures that change faster than this cannot be read.
const drawEveryMilliseconds = 250;
const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

function makeCount(name, className) {
  const item = element("li");
  const button = element("button", "count");
  button.type = "button";
  const bar = element("span", "bar");
  const fill = element("span", "bar-fill");
  bar.setAttribute("aria-hidden", "true");
  bar.append(fill);
  const label = element("span", className, name);
  label.dir = "auto";
  const value = element("span", "count-value", "–");
  button.append(label, value, bar);
  item.append(button);
  return { item, button, value, fill };
}

/**
 * Draws a tally, and the `position()` in the log, at most four times a second. `onSeverity`
 * and `onType` hear clicks on a count.
 */
export class Panel {
  #tally;
  #position;
  #nodes;
  #severityCounts = new Map();
  #typeCounts = new Map();
  #onType;
  #types = "";
  #timer = null;

  constructor({ tally, position, nodes, onSeverity, onType }) {
    this.#tally = tally;
    this.#position = position;
    this.#nodes = nodes;
    this.#onType = onType;
    for (const severity of [...severities].reverse()) {
      const count = makeCount(severity, "badge");
      count.item.dataset.severity = severity;
      count.button.title = `Show ${severity} and above`;
      count.button.addEventListener("click", () => onSeverity(severity));
      this.#severityCounts.set(severity, count);
    }
    placeNodes(nodes.bySeverity, [...this.#severityCounts.values()].map((count) => count.item));
  }

  schedule() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.draw();
    }, drawEveryMilliseconds);
  }

  draw() {
    const tally = this.#tally;
    const nodes = this.#nodes;
    nodes.cursor.textContent = this.#position();
    if (tally.ready) {
      nodes.total.textContent = number.format(tally.total);
      nodes.customers.textContent = number.format(tally.customers);
      this.#drawSeverities();
      this.#drawTypes();
    }
    setText(nodes.countsNote, this.#countsWords());
    this.#drawRate();
  }

  /** Marks which counts the view stands on. */
  showView({ minSeverity, types }) {
    this.#types = types.trim().toLowerCase();
    for (const [severity, count] of this.#severityCounts) {
      count.button.setAttribute("aria-pressed", String(severity === minSeverity && severity !== "INFO"));
    }
    for (const [type, count] of this.#typeCounts) this.#markType(type, count);
  }

  /** Counts that could not be asked for again are true of an earlier time. */
  #countsWords() {
    const { problem, answeredAt } = this.#tally;
    if (problem === "") return "";
    const age = answeredAt === null ? "No counts yet" : `Counts of ${clock.format(answeredAt)}, and what came since`;
    return `${age}: ${problem}.`;
  }

  #drawSeverities() {
    const most = Math.max(1, ...this.#tally.bySeverity.values());
    for (const [severity, count] of this.#severityCounts) {
      const value = this.#tally.bySeverity.get(severity) ?? 0;
      count.value.textContent = number.format(value);
      count.fill.style.transform = `scaleX(${value / most})`;
    }
  }

  #drawTypes() {
    const { byType: list, moreTypes } = this.#nodes;
    const sorted = [...this.#tally.byType].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    const shown = sorted.slice(0, typesShownMax);
    const names = new Set(shown.map(([name]) => name));
    for (const [name, count] of this.#typeCounts) {
      if (names.has(name)) continue;
      count.item.remove();
      this.#typeCounts.delete(name);
    }
    const most = Math.max(1, shown[0]?.[1] ?? 0);
    for (const [name, value] of shown) {
      const count = this.#typeCounts.get(name) ?? this.#makeType(name);
      count.value.textContent = number.format(value);
      count.fill.style.transform = `scaleX(${value / most})`;
    }
    placeNodes(list, shown.map(([name]) => this.#typeCounts.get(name).item));
    moreTypes.hidden = sorted.length <= typesShownMax;
    moreTypes.textContent = `and ${number.format(sorted.length - typesShownMax)} more`;
  }

  #makeType(name) {
    const count = makeCount(name, "type-name");
    count.item.dataset.type = name;
    count.button.title = `Show only ${name}`;
    count.button.addEventListener("click", () => this.#onType(name));
    this.#typeCounts.set(name, count);
    this.#markType(name, count);
    return count;
  }

  #markType(name, count) {
    count.button.setAttribute("aria-pressed", String(name.toLowerCase() === this.#types));
  }

  #drawRate() {
    const arrivals = this.#tally.arrivals();
    const most = Math.max(4, ...arrivals);
    this.#nodes.rate.textContent = number.format(arrivals.reduce((sum, count) => sum + count, 0));
    const bars = arrivals.map((count, index) => {
      const height = count === 0 ? 0.6 : 1.5 + (18.5 * count) / most;
      return `M${index + 0.15} 20v-${height.toFixed(2)}h.7v${height.toFixed(2)}z`;
    });
    this.#nodes.spark.setAttribute("d", bars.join(""));
  }
}
