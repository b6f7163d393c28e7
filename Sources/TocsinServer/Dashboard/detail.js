// The open row: every field of a threat, as text.

import { element } from "./dom.js";
import { ExactNumber, prettyJSON } from "./wire.js";

const labels = new Map([
  ["title", "Title"],
  ["summary", "Summary"],
  ["threat_type", "Type"],
  ["severity", "Severity"],
  ["customer_name", "Customer"],
  ["source", "Source"],
  ["timestamp", "Happened"],
  ["received_at", "Received"],
  ["received_by", "Received by"],
  ["triage", "Triage"],
  ["id", "Id"],
  ["cursor", "Cursor"],
  ["seq", "Sequence number"],
]);
const times = new Set(["timestamp", "received_at"]);
const exact = new Set(["id", "cursor", "seq", "received_by", "threat_type"]);
const listMax = 200;
const fieldsMax = 100;

/** Text of any value; strings as they stand, the rest as JSON. */
function textOf(value) {
  if (typeof value === "string") return value;
  if (value instanceof ExactNumber) return value.source;
  return prettyJSON(value);
}

/** Text whose direction follows its own first letter and cannot disturb its surroundings. */
function isolated(name, className, content) {
  const node = element(name, className, content);
  node.dir = "auto";
  return node;
}

const localTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });

function timeValue(value) {
  const node = element("dd");
  const date = new Date(value);
  if (typeof value !== "string" || Number.isNaN(date.getTime())) {
    node.append(isolated("span", "", textOf(value)));
    return node;
  }
  const time = element("time", "", localTime.format(date));
  time.dateTime = value;
  node.append(time, element("span", "exact", value));
  return node;
}

function plainValue(name, value) {
  if (times.has(name)) return timeValue(value);
  if (name === "triage" && typeof value?.status === "string") {
    return isolated("dd", "", `${value.status}, version ${textOf(value.version ?? null)}`);
  }
  const isObject = value !== null && typeof value === "object" && !(value instanceof ExactNumber);
  if (!isObject) return isolated("dd", exact.has(name) ? "exact" : "", textOf(value));
  const node = element("dd");
  node.append(jsonBlock(value, name));
  return node;
}

function jsonBlock(value, name) {
  const block = element("pre", "json", prettyJSON(value));
  block.tabIndex = 0;
  block.setAttribute("role", "group");
  block.setAttribute("aria-label", `${name}, JSON`);
  return block;
}

function section(title, content) {
  const node = element("section", "detail-section");
  node.append(element("h3", "", title), content);
  return node;
}

function indicators(list) {
  const table = element("table", "indicators");
  const head = table.createTHead().insertRow();
  for (const title of ["Type", "Value"]) {
    const cell = element("th", "", title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const item of list.slice(0, listMax)) {
    const row = body.insertRow();
    const known = item !== null && typeof item === "object" && !Array.isArray(item);
    row.append(isolated("td", "", known ? textOf(item.type ?? "") : ""));
    row.append(isolated("td", "exact", known ? textOf(item.value ?? "") : textOf(item)));
  }
  return table;
}

function techniques(list) {
  const node = element("ul", "techniques");
  for (const item of list.slice(0, listMax)) node.append(element("li", "exact", textOf(item)));
  return node;
}

function orderedFields(threat) {
  const rank = [...labels.keys()];
  const place = (name) => (rank.includes(name) ? rank.indexOf(name) : rank.length);
  return Object.keys(threat)
    .slice(0, fieldsMax)
    .sort((a, b) => place(a) - place(b));
}

/** Builds the detail of one threat: known fields first, then the rest as sent. */
export function buildDetail(threat) {
  const parts = document.createDocumentFragment();
  const fields = element("dl", "fields");
  const sections = [];
  for (const name of orderedFields(threat)) {
    const value = threat[name];
    if (name === "indicators" && Array.isArray(value)) sections.push(section("Indicators", indicators(value)));
    else if (name === "mitre_techniques" && Array.isArray(value)) {
      sections.push(section("MITRE ATT&CK techniques", techniques(value)));
    } else if (name === "metadata") sections.push(section("Metadata", jsonBlock(value, "metadata")));
    else {
      const group = element("div", name === "summary" || name === "title" ? "field field-wide" : "field");
      group.append(isolated("dt", "", labels.get(name) ?? name), plainValue(name, value));
      fields.append(group);
    }
  }
  parts.append(fields, ...sections);
  return parts;
}
