// What crosses the wire: cursors, frames and the JSON inside them.

const cursorPattern = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/;

/** Parses a cursor "G-S". Returns {generation, sequence, text} with BigInt parts, or null. */
export function parseCursor(text) {
  const match = typeof text === "string" ? cursorPattern.exec(text) : null;
  return match && { generation: BigInt(match[1]), sequence: BigInt(match[2]), text };
}

/** Orders two parsed cursors as pairs of integers: negative, zero or positive. */
export function compareCursors(a, b) {
  if (a.generation !== b.generation) return a.generation < b.generation ? -1 : 1;
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1;
  return 0;
}

/** A number whose text JavaScript cannot give back: 1.0, 1e3, 12345678901234567890. */
export class ExactNumber {
  constructor(source) {
    this.source = source;
  }
}

function keepNumberText(_key, value, context) {
  if (typeof value !== "number" || context?.source === undefined) return value;
  return String(value) === context.source ? value : new ExactNumber(context.source);
}

/** Parses JSON and keeps the text of its numbers. Returns undefined for what is no JSON. */
export function parseJSON(text) {
  try {
    return JSON.parse(text, keepNumberText);
  } catch {
    // A reviver recurses where plain parsing does not: a very deep document ends here.
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
}

/**
 * Parses one frame. Returns null for anything that is no object with a `type`. Numbers of a `new_threat` are plain
 * ones: keeping their text takes several times as long, and few of the threats that come are ever opened.
 */
export function parseFrame(text) {
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  if (frame === null || typeof frame !== "object" || typeof frame.type !== "string") return null;
  return frame.type === "new_threat" ? frame : parseJSON(text);
}

const prettyLimits = { depthMax: 24, charactersMax: 48 * 1024 };

/**
 * Indented JSON text of a parsed value. Bounded in depth and length, since indentation
 * lets a small, deep document grow with the square of its depth.
 */
export function prettyJSON(value, limits = prettyLimits) {
  const out = { parts: [], length: 0, cut: false };
  write(value, 0, out, limits);
  if (out.cut) out.parts.push("\n… shortened: the full document is at the address of this threat");
  return out.parts.join("");
}

function put(out, text, limits) {
  const room = limits.charactersMax - out.length;
  if (text.length > room) out.cut = true;
  const kept = text.length > room ? text.slice(0, Math.max(0, room)) : text;
  out.parts.push(kept);
  out.length += kept.length;
}

function write(value, depth, out, limits) {
  if (out.cut) return;
  if (value instanceof ExactNumber) return put(out, value.source, limits);
  if (value === null || typeof value !== "object") return put(out, JSON.stringify(value) ?? "null", limits);
  const isArray = Array.isArray(value);
  const keys = Object.keys(value);
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"];
  if (keys.length === 0) return put(out, open + close, limits);
  if (depth >= limits.depthMax) return put(out, `${open}…${close}`, limits);
  put(out, open, limits);
  keys.forEach((key, index) => {
    if (out.cut) return;
    const name = isArray ? "" : `${JSON.stringify(key)}: `;
    put(out, `${index === 0 ? "" : ","}\n${"  ".repeat(depth + 1)}${name}`, limits);
    write(value[key], depth + 1, out, limits);
  });
  put(out, `\n${"  ".repeat(depth)}${close}`, limits);
}
