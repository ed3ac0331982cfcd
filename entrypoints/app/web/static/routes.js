// The tree of routes with counts.
import { byId, element, foreign, say, sync, count, events } from "./dom.js";

export function showRoutes(status) {
  if (!status.route?.path) return;
  say(byId("dropped"), `${events(status.dropped)} went to no receiver.`);
  showNodes(byId("tree"), [status.route]);
}

function showNodes(list, nodes) {
  sync(list, nodes, (n) => n.path, createNode, updateNode);
}

function createNode(n) {
  const head = element("div", "rule", element("span", "n"), element("code", "", n.path));
  return element("li", "node", head, element("ul", "rules"), element("ul", "nodes"));
}

function updateNode(li, n) {
  const [head, rules, nodes] = li.children;
  say(head.firstElementChild, count(n.entered));
  const all = [...(n.drop ?? []).map((r) => ["drop", r]), ...(n.match ?? []).map((r) => ["match", r])];
  rules.hidden = all.length === 0;
  // The conditions are in the key: after a reload the same path may be another rule.
  sync(rules, all, ([list, r]) => JSON.stringify([r.path, list, r.line, r.conditions, r.receiver]), createRule, (e, [, r]) => {
    say(e.firstElementChild, count(r.matched));
  });
  nodes.hidden = !n.routes?.length;
  showNodes(nodes, n.routes ?? []);
}

function createRule([list, r]) {
  const what = r.conditions?.length ? r.conditions.join(" and ") : "every event";
  const words = element("span", "words", element("span", "verb", list === "drop" ? "drop" : "match"), " ", foreign(what));
  if (r.receiver) words.append(" ", element("span", "to", "→ ", foreign(r.receiver)));
  if (r.line) words.append(" ", element("span", "line", `line ${r.line}`));
  return element("li", `rule ${list}`, element("span", "n"), words);
}
