// The events that were routed last, newest first.
import { byId, element, foreign, say, sync, ago } from "./dom.js";

export function showEvents(status, explain) {
  const recent = status.recent ?? [];
  const list = byId("events");
  byId("no-events").hidden = recent.length > 0;
  list.hidden = recent.length === 0;
  const focused = list.contains(document.activeElement);
  sync(list, recent, (ev) => ev.id, (ev) => create(ev, explain), (e, ev) => {
    say(e.querySelector("time"), ago(ev.time, status.now));
  });
  // The oldest leaves the list; who had it in focus goes on from the list's beginning.
  if (focused && !list.contains(document.activeElement)) list.focus();
}

function create(ev, explain) {
  const object = [ev.kind, ev.namespace, ev.name].filter(Boolean).join("/");
  const button = element("button", "", foreign(ev.reason || "no reason"), " ", element("span", "object", foreign(object)));
  button.type = "button";
  button.addEventListener("click", () => explain(ev.id, `${ev.reason} ${object}`));
  const time = element("time");
  time.dateTime = ev.time;
  time.title = ev.time;
  const warning = ev.type === "Warning";
  const head = element("div", "event-head", element("span", "mark", warning ? "▲ Warning" : ev.type || "no type"), button, time);
  const message = element("p", "message", foreign(ev.message));
  const to = ev.receivers?.length ? `→ ${ev.receivers.join(", ")}` : "→ no receiver";
  return element("li", warning ? "event warning" : "event", head, message, element("p", "to", foreign(to)));
}
