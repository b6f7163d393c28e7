// The dashboard: makes its parts, and tells each what the others learn.

import { everything, readView, serverAddress, writeView } from "./address.js";
import { node, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Fill, typesToAsk } from "./fill.js";
import { Intake } from "./intake.js";
import { Lag } from "./lag.js";
import { rowsMax, ThreatList } from "./list.js";
import { Notices } from "./notices.js";
import { Panel } from "./panel.js";
import { Pulse } from "./pulse.js";
import { sendSample } from "./sample.js";
import { State } from "./state.js";
import { makeFilter, Store } from "./store.js";
import { Tally } from "./tally.js";
import { announcement, emptyWords, shownWords, standing, title, waitingWords } from "./words.js";

const historyCount = 100;
const criticalAnnouncementMilliseconds = 30_000;
const writeViewMilliseconds = 300;

const announce = (text) => setText(node("announcer"), text);
const notices = new Notices({ list: node("notices"), announce });
const state = new State(draw);
const store = new Store();
const lag = new Lag();
const tally = new Tally({ onChange: () => panel.schedule(), onAnswer: countsAnswered });
const list = new ThreatList({
  list: node("threats"),
  scroller: node("scroller"),
  template: node("row-template"),
  onChange: (summary) => state.change({ list: summary }),
  onFailure: (message) => notices.tell(`The list could not be drawn (${message}) and is drawn anew.`, "error"),
});
const fill = new Fill({
  onFound: (entries) => list.append(entries),
  onState: (answer) => state.change({ fill: answer }),
});
const panel = new Panel({
  tally,
  position: () => feed.cursor?.text ?? "–",
  nodes: {
    cursor: node("cursor"), total: node("total"), customers: node("customers"), countsNote: node("counts-note"),
    rate: node("rate"), spark: node("spark"),
    bySeverity: node("by-severity"), byType: node("by-type"), moreTypes: node("more-types"),
  },
  onSeverity: (severity) => {
    const { minSeverity } = state.value.view;
    show({ minSeverity: minSeverity === severity ? everything.minSeverity : severity });
  },
  onType: (type) => show({ types: state.value.view.types.trim() === type ? "" : type }),
});
const intake = new Intake({ store, list, tally, onNews: threatCame, tell: (message) => notices.tell(message) });
const feed = new Feed({ onState: (connection) => state.change({ feed: connection }), onFrame: frameCame });
const pulse = new Pulse({ onBeat: beat, onWake: wake });

let filter = makeFilter(everything);
let hasHistory = false;
let drawnView = null;
let spokenPhase = null;
let unannouncedCriticals = 0;
let announcedCriticalsAt = -Infinity;
let writeViewTimer = null;

// --- What comes ---------------------------------------------------------------------------------

function frameCame(frame, cursor, text) {
  intake.receive(frame, cursor, feed.cursor, text);
  if (frame.type === "initial_batch") {
    hasHistory = true;
    lag.joined();
    lookForOlder(false);
  }
}

function threatCame(entry) {
  lag.received(entry.receivedAt, performance.now());
  if (entry.severity === "CRITICAL") unannouncedCriticals += 1;
}

function countsAnswered(answer) {
  const { ready: isReady, answeredAt, problem } = tally;
  if (isReady) document.body.dataset.counts = "ready";
  const now = performance.now();
  if (answer !== null) lag.told(answer, feed.cursor, now);
  state.change({ counts: { isReady, answeredAt, problem }, lag: lag.report(feed.cursor, now) });
  panel.schedule();
}

function beat(now) {
  feed.beat(now);
  list.beat(now);
  state.change({ lag: lag.report(feed.cursor, now) });
  if (state.value.feed.phase === "live" && lag.isHeadWanted(now)) {
    lag.asked(now);
    tally.refresh();
  }
  if (unannouncedCriticals > 0 && now - announcedCriticalsAt > criticalAnnouncementMilliseconds) {
    announce(`${unannouncedCriticals} new critical ${unannouncedCriticals === 1 ? "threat" : "threats"}`);
    unannouncedCriticals = 0;
    announcedCriticalsAt = now;
  }
  panel.draw();
}

function wake(now) {
  lag.forgetClock();
  feed.woke(now);
  tally.refresh();
}

// --- What is seen -------------------------------------------------------------------------------

/** Draws all of the state but the rows and figures, which have a pace of their own. */
function draw(value) {
  const now = standing(value, performance.now(), navigator.onLine !== false);
  document.body.dataset.phase = now.phase;
  document.title = title(now, value.list);
  setText(node("state"), now.text);
  setText(node("state-detail"), now.detail);
  node("retry").hidden = !now.offersRetry;
  if (now.phase !== spokenPhase) announce(announcement(now));
  spokenPhase = now.phase;
  drawControls(value);
  drawEmpty(value);
}

function drawControls({ view, list: rows, fill: older }) {
  if (view !== drawnView) drawView(view);
  const waiting = waitingWords(rows);
  node("waiting").hidden = waiting === "";
  setText(node("waiting"), waiting);
  setText(node("pause"), rows.hold === "paused" ? "Resume" : "Pause");
  node("pause").setAttribute("aria-pressed", String(rows.hold === "paused"));
  setText(node("shown"), shownWords(rows, older));
}

/** Controls are written when the view has changed, not at each drawing: somebody may be about to change them. */
function drawView(view) {
  drawnView = view;
  panel.showView(view);
  if (node("min-severity").value !== view.minSeverity) node("min-severity").value = view.minSeverity;
  if (node("type-filter").value !== view.types) node("type-filter").value = view.types;
}

function drawEmpty(value) {
  node("empty").hidden = value.list.count > 0;
  if (value.list.count > 0) return;
  const words = emptyWords(value, !filter.isOpen);
  setText(node("empty-title"), words.title);
  setText(node("empty-text"), words.text);
  node("empty-command").hidden = !words.hasCommand;
  setText(node("empty-command"), `curl ${serverAddress("api/threats/trigger")} \\
  -H 'content-type: application/json' \\
  -d '{"threat_type":"malware","severity":"HIGH","title":"Hello"}'`);
}

// --- What is wanted -----------------------------------------------------------------------------

/** Shows another view; parts that are not given stay as they are. */
function show(parts, { isTyped = false } = {}) {
  const view = { ...state.value.view, ...parts };
  filter = makeFilter(view);
  state.change({ view });
  list.show(filter.matches, store.entries);
  lookForOlder(isTyped);
  clearTimeout(writeViewTimer);
  // Browsers refuse a page that writes its address at each key.
  writeViewTimer = setTimeout(() => writeView(view), isTyped ? writeViewMilliseconds : 0);
}

/** Asks for what the view wants and the page does not remember: all that fits, or a fresh page's history. */
function lookForOlder(isTyped) {
  if (!hasHistory) return;
  const { floor } = store;
  const matching = store.entries.filter((entry) => store.isWithoutGap(entry) && filter.matches(entry)).length;
  // The first entry of a log has the number 1.
  const isWhole = floor === null || floor.sequence <= 1n;
  fill.look({
    filter, isTyped,
    types: typesToAsk(filter.parts, tally.byType.keys()),
    before: floor?.text ?? null,
    wanted: isWhole ? 0 : (filter.isOpen ? historyCount : rowsMax) - matching,
  });
}

function showFromAddress() {
  const { view, problem } = readView(location.href);
  if (problem !== "") notices.tell(problem, "error");
  show(view);
}

/** What both controls say, whichever of them was used. */
function showFromControls(event) {
  const view = { minSeverity: node("min-severity").value, types: node("type-filter").value };
  const { minSeverity, types } = state.value.view;
  if (view.minSeverity !== minSeverity || view.types !== types) show(view, { isTyped: event.type === "input" });
}

node("min-severity").addEventListener("change", showFromControls);
for (const type of ["input", "change"]) node("type-filter").addEventListener(type, showFromControls);
node("retry").addEventListener("click", () => feed.retry());
node("waiting").addEventListener("click", () => list.release());
node("pause").addEventListener("click", () => list.pause(!list.isPaused, store.arrivals));
document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment of the address says what is shown.
  event.preventDefault();
  node("feed").focus();
});
node("trigger").addEventListener("click", async () => {
  const button = node("trigger");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const { accepted, message } = await sendSample(node("scenario").value);
  button.removeAttribute("aria-busy");
  if (accepted) announce(message);
  else notices.tell(message, "error");
});
addEventListener("hashchange", showFromAddress);
// Browsers put back what stood in the controls of a page that was left; what counts is the address.
addEventListener("pageshow", () => drawView(state.value.view));

showFromAddress();
pulse.start();
feed.start();
