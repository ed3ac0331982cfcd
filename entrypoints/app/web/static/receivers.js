// The table of receivers, which narrow screens show as cards.
import { byId, element, foreign, say, sync, count, duration, ago } from "./dom.js";

// Never by colour alone.
const marks = { "catching up": "◐", delivering: "●", behind: "▲", stopped: "■", waiting: "○" };

const columns = [
  ["Lag", (r) => (r.lagSeconds === null ? "–" : duration(r.lagSeconds))],
  ["Owed", (r) => count(r.owed)],
  ["Per minute", (r) => count(r.perMinute)],
  ["Delivered", (r) => count(r.delivered)],
  ["Refused", (r) => count(r.refused)],
  ["Dead letters", (r) => count(r.deadLettered)],
  ["Cursor", (r) => r.cursor || "–"],
];

export function showReceivers(status) {
  const receivers = status.receivers ?? [];
  byId("no-receivers").hidden = receivers.length > 0;
  const rows = [];
  for (const r of receivers) {
    rows.push({ r, key: `receiver ${r.name}` });
    if (r.lastError) rows.push({ r, key: `error ${r.name}`, error: true });
  }
  sync(byId("receiver-rows"), rows, (row) => row.key, create, (e, row) => update(e, row, status.now));
}

function create(row) {
  const tr = element("tr", row.error ? "error" : "");
  tr.setAttribute("role", "row");
  if (row.error) {
    const td = cell("td", "", "cell");
    td.colSpan = 2 + columns.length;
    td.append(element("span", "error-when"), foreign(""));
    tr.append(td);
    return tr;
  }
  const name = cell("th", "", "rowheader");
  name.scope = "row";
  name.append(foreign(row.r.name), element("span", "sink", row.r.sink));
  const state = cell("td", "State", "cell");
  state.append(element("span", "badge"));
  tr.append(name, state);
  for (const [label] of columns) tr.append(cell("td", label, "cell", "number"));
  return tr;
}

function cell(tag, label, role, name) {
  const e = element(tag, name);
  // A table whose display is changed is none for screen readers, without these.
  e.setAttribute("role", role);
  if (label) e.dataset.label = label;
  return e;
}

function update(tr, { r, error }, now) {
  if (error) {
    const [when, text] = tr.firstElementChild.children;
    say(when, r.lastErrorAt ? `Last error, ${ago(r.lastErrorAt, now)}: ` : "Last error: ");
    say(text, r.lastError);
    return;
  }
  const badge = tr.querySelector(".badge");
  say(badge, `${marks[r.state] ?? "?"} ${r.state}`);
  badge.dataset.state = r.state;
  columns.forEach(([, value], i) => say(tr.children[2 + i], value(r)));
}
