// Asks for status.json every two seconds while somebody looks, and shows it.
import { byId, say, element, ago, duration, sync } from "./dom.js";
import { showReceivers } from "./receivers.js";
import { showEvents } from "./events.js";
import { showRoutes } from "./routes.js";
import { startExplain, explainRecent } from "./explain.js";

const every = 2000;
const slowest = 15000; // between attempts while nobody answers

let paused = false;
let failures = 0;
let timer = 0;
let asking = false;
let last = 0; // when the last answer came, by our clock

function show(status) {
  const state = byId("state");
  say(state, status.state);
  state.dataset.state = status.live.ok && status.ready.ok ? "good" : "bad";
  say(byId("state-text"), status.stateText);
  say(byId("cluster"), status.cluster || "not known");
  say(byId("version"), status.version);
  const since = byId("since");
  say(since, ago(status.since, status.now));
  since.title = status.since;
  complain([...status.live.reasons ?? [], ...status.ready.reasons ?? []].filter((r) => !r.ok).map((r) => `${r.name}: ${r.text}`));
  showReceivers(status);
  showEvents(status, explainRecent);
  showRoutes(status);
}

function complain(texts) {
  sync(byId("complaints"), [...new Set(texts)], (t) => t, (t) => element("li", "", t), () => {});
}

async function ask() {
  asking = true;
  try {
    const answer = await fetch("status.json", { signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    show(await answer.json());
    failures = 0;
    last = Date.now();
  } catch (e) {
    failures++;
    byId("state").dataset.state = "bad";
    const why = e.name === "TypeError" || e.name === "TimeoutError" ? "it does not answer" : e.message;
    complain([`packetboat cannot be asked: ${why}. What is below was true before.`]);
  } finally {
    asking = false;
    again();
  }
}

// again plans the next request, unless nobody looks.
function again() {
  clearTimeout(timer);
  if (paused || document.hidden || asking) return;
  timer = setTimeout(ask, Math.min(every * 2 ** failures, slowest));
}

function now() {
  clearTimeout(timer);
  if (!paused && !document.hidden && !asking) ask();
}

function tellAge() {
  if (!last || document.hidden) return;
  say(byId("updated"), `${duration((Date.now() - last) / 1000)} ago${paused ? ", paused" : ""}`);
}

const pause = byId("pause");
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  tellAge();
  now();
});
document.addEventListener("visibilitychange", now);
setInterval(tellAge, 1000);
startExplain();
now();
