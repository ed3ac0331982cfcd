// Asks which way one event takes, and shows the answer.
import { byId, element, foreign, say, count } from "./dom.js";

let asking = false;

export function startExplain() {
  const form = byId("explain-form");
  const text = byId("event");
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const event = text.value.trim();
    if (event) ask("explain", event, "the pasted event");
    else fail("Paste an event first, or choose a recent one.");
  });
  text.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit();
  });
}

export function explainRecent(id, name) {
  ask(`explain?id=${encodeURIComponent(id)}`, "", name);
}

async function ask(url, body, name) {
  if (asking) return;
  asking = true;
  say(byId("explain-status"), "Explaining …");
  try {
    const answer = await fetch(url, {
      method: "POST", body, headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(30000),
    });
    const got = await answer.json().catch(() => ({ error: `the answer is ${answer.status}` }));
    if (answer.ok) show(got, name);
    else fail(got.error);
  } catch {
    fail("packetboat does not answer.");
  } finally {
    asking = false;
  }
}

function fail(why) {
  byId("explanation").hidden = true;
  const status = byId("explain-status");
  status.dataset.state = "bad";
  say(status, `✗ ${why}`);
}

function show(explanation, name) {
  const status = byId("explain-status");
  status.dataset.state = "";
  say(status, "");
  byId("explained").replaceChildren("Result for ", foreign(name));
  const to = explanation.trace.receivers.map((r) => r.receiver);
  byId("goes-to").replaceChildren(...(to.length ? ["Goes to ", foreign(to.join(", ")), "."] : ["No receiver gets it."]));
  say(byId("trace"), explanation.text);
  byId("payloads").replaceChildren(...explanation.payloads.map((p, i) => payload(p, i === 0)));
  if (!to.length) byId("payloads").append(element("p", "hint", "Nothing."));
  byId("explanation").hidden = false;
  byId("explained").focus();
}

function payload(p, open) {
  const size = p.error ? "refused" : `${count(p.bytes)} bytes`;
  const summary = element("summary", "", foreign(p.receiver), ` · ${size}${p.cut ? ", the beginning" : ""}`);
  const body = element("pre", "", foreign(p.error ? `✗ ${p.error}` : p.body ?? ""));
  body.tabIndex = 0;
  const details = element("details", "payload", summary, body);
  details.open = open;
  return details;
}
