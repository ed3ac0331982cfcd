// Small things about the document. Text of events is hostile: it becomes text,
// never markup, and stands in a bdi so that it cannot turn its surroundings.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const byId = (id) => document.getElementById(id);

export const count = (n) => number.format(n);

export const events = (n) => (n === 1 ? "1 event" : `${count(n)} events`);

// element makes <tag class=name> with children, which are elements or text.
export function element(tag, name, ...children) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  e.append(...children);
  return e;
}

export function foreign(text) {
  const e = element("bdi", "", text);
  e.dir = "auto";
  return e;
}

// say changes a text only if it is another one: a reader's selection stays, and
// a screen reader is not told the same again.
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// sync makes the children of parent those of items, by key, moving and replacing
// as little as possible so that focus and selection stay where they are.
export function sync(parent, items, key, create, update) {
  const old = new Map([...parent.children].map((e) => [e.dataset.key, e]));
  let place = parent.firstElementChild;
  for (const item of items) {
    let e = old.get(key(item));
    if (e) {
      old.delete(key(item));
    } else {
      e = create(item);
      e.dataset.key = key(item);
    }
    update(e, item);
    if (e === place) {
      place = place.nextElementSibling;
    } else {
      parent.insertBefore(e, place);
    }
  }
  for (const e of old.values()) e.remove();
}

// duration is a number of seconds for people.
export function duration(seconds) {
  if (seconds < 1) return "under 1 s";
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

// ago says how long before now, both of the server's clock, something was.
export function ago(time, now) {
  const at = Date.parse(time);
  if (!(at > 0)) return "no time";
  return `${duration(Math.max(0, (Date.parse(now) - at) / 1000))} ago`;
}
