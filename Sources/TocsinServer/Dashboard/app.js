// The dashboard: wires the feed to what remembers, counts and draws.

import { element } from "./detail.js";
import { Feed } from "./feed.js";
import { rowsMax, ThreatList } from "./list.js";
import { Panel } from "./panel.js";
import { sendSample } from "./sample.js";
import { makeEntry, makeFilter, makeMarker, Store } from "./store.js";
import { Tally } from "./tally.js";
import { compareCursors, parseCursor } from "./wire.js";

const noticesMax = 3;
const criticalAnnouncementMilliseconds = 30_000;
const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const node = (id) => document.getElementById(id);

const store = new Store();
const tally = new Tally({
  onChange: () => {
    if (tally.ready) document.body.dataset.counts = "ready";
    panel.schedule();
  },
});
const list = new ThreatList({
  list: node("threats"),
  scroller: node("scroller"),
  template: node("row-template"),
  onChange: showListState,
});
const panel = new Panel({
  tally,
  position: () => feed.cursor?.text ?? "–",
  nodes: {
    cursor: node("cursor"), total: node("total"), customers: node("customers"),
    rate: node("rate"), spark: node("spark"),
    bySeverity: node("by-severity"), byType: node("by-type"), moreTypes: node("more-types"),
    typeFilter: node("type-filter"),
  },
  onSeverity: (severity) => setFilter(node("min-severity").value === severity ? "INFO" : severity, null),
  onType: (type) => setFilter(null, node("type-filter").value.trim() === type ? "" : type),
});
const feed = new Feed({
  url: new URL("/ws", location.href.replace(/^http/, "ws")),
  onState: showState,
  onFrame: receive,
});

let filter = makeFilter("INFO", "");
let lastPhase = null;
let unannouncedCriticals = 0;
let announcedCriticalsAt = 0;

// --- Frames -------------------------------------------------------------------------------------

function receive(frame, cursor) {
  switch (frame.type) {
    case "initial_batch": return receiveBatch(frame);
    case "new_threat": return receiveThreat(frame, cursor);
    case "threat_updated": return receiveUpdate(frame, cursor);
    case "reset": return receiveReset(frame);
    case "error": return notify(`The server did not understand this page: ${sentence(frame.detail ?? frame.code)}`);
    default: return undefined; // heartbeat, resumed, pong, and types yet to come carry a cursor at most.
  }
}

function receiveBatch(frame) {
  if (frame.recovered === false) {
    const from = feed.cursor?.text ?? "the last one seen";
    const message = `Threats after ${from} may be missing here`;
    const why = sentence(frame.reason);
    notify(`${message}. The server could not go on from there${why ? `: ${why}` : "."}`);
    remember(makeMarker(message));
  }
  const threats = Array.isArray(frame.data) ? frame.data : [];
  for (const threat of [...threats].reverse()) take(threat, null);
  tally.refresh();
}

function receiveThreat(frame, cursor) {
  if (cursor !== null && feed.cursor !== null) {
    if (compareCursors(cursor, feed.cursor) <= 0) return;
    checkContiguous(cursor);
  }
  const entry = take(frame.data, cursor);
  if (entry === null) return;
  tally.add(entry);
  if (entry.severity === "CRITICAL") unannouncedCriticals += 1;
}

function receiveUpdate(frame, cursor) {
  if (cursor !== null && feed.cursor !== null) checkContiguous(cursor);
  const entry = store.update(frame.data?.id, frame.data?.triage);
  if (entry !== null) list.refresh(entry);
}

function receiveReset(frame) {
  notify(`The log was moved to a new generation. ${sentence(frame.reason)} Threats sent again are shown once.`);
  remember(makeMarker(`New generation of the log after ${sentence(frame.from)}`));
  tally.refresh();
}

/** The page takes the feed without a filter, so within a generation every step is one. */
function checkContiguous(cursor) {
  const last = feed.cursor;
  if (cursor.generation !== last.generation || cursor.sequence <= last.sequence + 1n) return;
  const message = `Entries between ${last.text} and ${cursor.text} did not arrive`;
  notify(`${message}.`);
  remember(makeMarker(message));
  tally.refresh();
}

/** Remembers and lists a threat. Returns its entry if this page had not seen it, else null. */
function take(threat, frameCursor) {
  if (threat === null || typeof threat !== "object") return null;
  const cursor = frameCursor ?? parseCursor(threat.cursor);
  if (cursor === null) return null;
  const entry = makeEntry(threat, cursor);
  return remember(entry) ? entry : null;
}

function remember(entry) {
  if (store.add(entry) !== "new") return false;
  list.add(entry);
  return true;
}

// --- State --------------------------------------------------------------------------------------

const phaseTexts = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Reconnecting…",
  offline: "Offline",
  draining: "Replica draining, moving on…",
};

function showState(state) {
  document.body.dataset.phase = state.phase;
  if (state.phase !== lastPhase) {
    // Spoken once per change; the countdown beside it is for the eye.
    announce(`Feed: ${phaseTexts[state.phase]}`);
    lastPhase = state.phase;
  }
  showCountdown();
  showListState();
}

function showCountdown() {
  const { phase, retryAt, since, reason } = feed.state;
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1_000);
  const counting = seconds > 0 && (phase === "reconnecting" || phase === "offline");
  const verb = phase === "offline" ? "Offline, trying again" : "Reconnecting";
  setText("state", counting ? `${verb} in ${seconds} s` : phaseTexts[phase]);
  const isDown = phase !== "live" && feed.cursor !== null;
  setText("state-detail", isDown ? `not live since ${clock.format(since)}${reason ? `: ${reason}` : ""}` : "");
  node("retry").hidden = !counting;
}

function showListState() {
  const { hold, waitingCount } = list;
  const button = node("waiting");
  button.hidden = waitingCount === 0 || hold === null;
  if (!button.hidden) {
    const noun = waitingCount === 1 ? "new threat" : "new threats";
    setText("waiting", `${number.format(waitingCount)} ${noun} ${waitingCount === 1 ? "waits" : "wait"} · show`);
  }
  setText("pause", list.paused ? "Resume" : "Pause");
  node("pause").setAttribute("aria-pressed", String(list.paused));
  const count = list.count;
  const bound = count >= rowsMax ? `The newest ${rowsMax} are shown` : `${number.format(count)} shown`;
  const why = hold === "paused" ? ", paused" : hold === "reading" ? ", held while you read" : "";
  setText("shown", `${count === 0 ? "Nothing shown" : bound}${why}`);
  showEmpty(count);
}

function showEmpty(count) {
  node("empty").hidden = count > 0;
  if (count > 0) return;
  const isLive = feed.state.phase === "live";
  const isFiltered = !filter.isOpen && store.entries.length > 0;
  setText("empty-title", isFiltered ? "Nothing matches the filter" : isLive ? "All quiet" : "Waiting for the feed");
  setText("empty-text", isFiltered
    ? "Threats that match appear here as they come."
    : isLive
      ? "Threats appear here the moment a replica accepts them. Send a sample with the button above, or post one:"
      : "The list fills as soon as a replica answers.");
  node("empty-command").hidden = !isLive || isFiltered;
  setText("empty-command", `curl ${location.origin}/api/threats/trigger \\
  -H 'content-type: application/json' \\
  -d '{"threat_type":"malware","severity":"HIGH","title":"Hello"}'`);
}

function setText(id, text) {
  const target = node(id);
  if (target.textContent !== text) target.textContent = text;
}

const announce = (text) => setText("announcer", text);

function sentence(value) {
  return typeof value === "string" && value !== "" ? `${value.slice(0, 300).replace(/\.$/, "")}.` : "";
}

function notify(message, kind = "notice") {
  const item = element("li", `notice notice-${kind}`);
  const text = element("span", "notice-text", `${clock.format(new Date())}  ${message}`);
  text.dir = "auto";
  const button = element("button", "quiet", "Dismiss");
  button.type = "button";
  button.addEventListener("click", () => item.remove());
  item.append(text, button);
  const notices = node("notices");
  notices.prepend(item);
  while (notices.childElementCount > noticesMax) notices.lastElementChild.remove();
  announce(message);
}

// --- Controls -----------------------------------------------------------------------------------

/** Null leaves a part of the filter as it is. */
function setFilter(minSeverity, types) {
  if (minSeverity !== null) node("min-severity").value = minSeverity;
  if (types !== null) node("type-filter").value = types;
  filter = makeFilter(node("min-severity").value, node("type-filter").value);
  panel.showFilter(node("min-severity").value, node("type-filter").value);
  list.setFilter(filter.matches, store.entries);
}

node("min-severity").addEventListener("change", () => setFilter(null, null));
node("type-filter").addEventListener("input", () => setFilter(null, null));
node("retry").addEventListener("click", () => feed.nudge());
node("waiting").addEventListener("click", () => list.release());
node("pause").addEventListener("click", () => {
  list.paused = !list.paused;
  list.schedule();
});
node("trigger").addEventListener("click", async () => {
  const button = node("trigger");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const { accepted, message } = await sendSample(node("scenario").value);
  button.removeAttribute("aria-busy");
  if (accepted) announce(message);
  else notify(message, "error");
});

function everySecond() {
  showCountdown();
  panel.draw();
  document.title = feed.state.phase === "live" ? "Tocsin" : `Tocsin (${phaseTexts[feed.state.phase]})`;
  const now = Date.now();
  if (unannouncedCriticals > 0 && now - announcedCriticalsAt > criticalAnnouncementMilliseconds) {
    announce(`${unannouncedCriticals} new critical ${unannouncedCriticals === 1 ? "threat" : "threats"}`);
    unannouncedCriticals = 0;
    announcedCriticalsAt = now;
  }
}

panel.showFilter("INFO", "");
setInterval(everySecond, 1_000);
feed.start();
everySecond();
