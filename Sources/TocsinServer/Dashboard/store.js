// The threats this page remembers: bounded, each once, found by id.

import { compareCursors, parseJSON } from "./wire.js";

export const severities = ["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"];

const entriesMax = 2_000;
// Trimming in strides keeps the cost of a full store flat.
const trimStride = 200;

const text = (value) => (typeof value === "string" ? value : "");

/**
 * What rows and filters need of a threat; `threat` keeps everything. `frame` is the text of the frame that it came in,
 * if its numbers were not kept as they were sent.
 */
export function makeEntry(threat, cursor, frame = null) {
  return {
    kind: "threat",
    cursor,
    threat,
    frame,
    id: text(threat.id),
    severity: severities.includes(threat.severity) ? threat.severity : "INFO",
    type: text(threat.threat_type),
    title: text(threat.title) || text(threat.summary),
    customer: text(threat.customer_name),
    receivedAt: text(threat.received_at) || text(threat.timestamp),
    arrival: 0,
    row: null,
  };
}

/** The threat as it was sent, each number in its own text, with the triage as it stands. */
export function exactThreat({ threat, frame }) {
  const sent = frame === null ? threat : parseJSON(frame).data;
  return "triage" in threat ? { ...sent, triage: threat.triage } : sent;
}

/** A line of the list that is no threat: a gap, a new generation of the log, or where the analyst had left off. */
export const makeMarker = (message) => ({ kind: "marker", message, id: "", arrival: 0, row: null });

/** Remembers the newest entries and tells apart what is new, repeated and renumbered. */
export class Store {
  #byId = new Map();
  #brokenAfter = 0;

  constructor() {
    /** Oldest first. */
    this.entries = [];
    /** How many were taken in since the page was opened; each has its number as `arrival`. */
    this.arrivals = 0;
  }

  /** What comes from here on does not follow what is remembered: something between the two is missing. */
  breakOff() {
    this.#brokenAfter = this.arrivals;
  }

  /** Whether an entry is a threat from which on nothing is missing. */
  isWithoutGap(entry) {
    return entry.kind === "threat" && entry.arrival > this.#brokenAfter;
  }

  /** The cursor of the oldest threat from which on everything that came is remembered; null where there is none. */
  get floor() {
    return this.entries.find((entry) => this.isWithoutGap(entry))?.cursor ?? null;
  }

  /**
   * Takes an entry in. Returns "new"; "known" for the same cursor again; or "renumbered" for a threat
   * that a new generation of the log brings back, in which case the remembered entry takes the new position.
   */
  add(entry) {
    if (entry.kind === "threat") {
      const known = this.#byId.get(entry.id);
      if (known !== undefined && compareCursors(known.cursor, entry.cursor) === 0) return "known";
      if (known !== undefined && known.cursor.generation !== entry.cursor.generation) {
        known.cursor = entry.cursor;
        known.threat = entry.threat;
        known.frame = entry.frame;
        return "renumbered";
      }
      this.#byId.set(entry.id, entry);
    }
    this.arrivals += 1;
    entry.arrival = this.arrivals;
    this.entries.push(entry);
    if (this.entries.length >= entriesMax + trimStride) this.#trim();
    return "new";
  }

  #trim() {
    for (const entry of this.entries.splice(0, this.entries.length - entriesMax)) {
      if (this.#byId.get(entry.id) === entry) this.#byId.delete(entry.id);
    }
  }

  /** The remembered threat of this id, or undefined. */
  find(id) {
    return this.#byId.get(id);
  }
}

/**
 * A predicate over entries. The page filters here and leaves the feed whole, because the counts, the rate
 * and the check for gaps need every entry, and because a wider filter then shows at once what came before.
 * `types` is text: parts of type names, separated by commas or spaces.
 */
export function makeFilter({ minSeverity, types }) {
  const rank = Math.max(0, severities.indexOf(minSeverity));
  const parts = types.toLowerCase().split(/[\s,]+/).filter(Boolean).slice(0, 20);
  const matches = (entry) =>
    entry.kind !== "threat" ||
    (severities.indexOf(entry.severity) >= rank &&
      (parts.length === 0 || parts.some((part) => entry.type.toLowerCase().includes(part))));
  return { matches, minSeverity: severities[rank], parts, isOpen: rank === 0 && parts.length === 0 };
}
