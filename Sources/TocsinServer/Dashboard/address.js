// Addresses: those of the server, which are relative to the page, and the page's own, which says what is shown.

import { severities } from "./store.js";

/** The absolute address of a path of the server. The page may stand behind a path itself, as in `/soc/`. */
export const serverAddress = (path) => new URL(path, document.baseURI);

/** The same for a WebSocket. */
export function socketAddress(path) {
  const address = serverAddress(path);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address;
}

/** What the analyst wants to see: `types` is text, as `makeFilter` takes it. */
export const everything = Object.freeze({ minSeverity: "INFO", types: "" });

const typesCharactersMax = 200;
const names = ["min_severity", "threat_type"];

/**
 * Reads what to show from the page's address: `#min_severity=HIGH&threat_type=malware,phish`. The same in the query is
 * understood, since that is how the server's own addresses are written.
 * Returns {view, problem}: a problem is what could not be understood, in words, else "".
 */
export function readView(address) {
  const { searchParams, hash } = new URL(address);
  const given = new URLSearchParams(hash.slice(1));
  const value = (name) => (given.get(name) ?? searchParams.get(name) ?? "").trim();
  const wanted = value("min_severity");
  const minSeverity = wanted.toUpperCase() || everything.minSeverity;
  const types = value("threat_type").slice(0, typesCharactersMax);
  if (severities.includes(minSeverity)) return { view: { minSeverity, types }, problem: "" };
  const problem = `The address of this page asks for a severity that is none: ${wanted.slice(0, 40)}.`;
  return { view: { minSeverity: everything.minSeverity, types }, problem };
}

/** Writes a view into the page's address, where a reload, a way back and other people find it. */
export function writeView({ minSeverity, types }) {
  const address = new URL(location.href);
  for (const name of names) address.searchParams.delete(name);
  const given = new URLSearchParams();
  if (minSeverity !== everything.minSeverity) given.set("min_severity", minSeverity);
  if (types.trim() !== "") given.set("threat_type", types.trim());
  address.hash = given.toString();
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}
