// Pages by the address behind `#`: `#/box/or-3?tab=events`.

let routes = [];
let arrive = () => {};

// `found` is called with `{name, names, query}` at each change; names are the parts after the first.
export function beginRouter(known, found) {
  routes = known;
  arrive = found;
  addEventListener("hashchange", follow);
}

export function follow() {
  arrive(parsed(location.hash));
}

function parsed(hash) {
  const [path, search] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...names] = path.split("/").map(decoded);
  return { name: routes.includes(name) ? name : routes[0], names, query: new URLSearchParams(search ?? "") };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// The address of a page.
export function to(name, names = [], query = {}) {
  const path = [name, ...names].map(encodeURIComponent).join("/");
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${path}${search ? `?${search}` : ""}`;
}

export function go(name, names, query) {
  location.hash = to(name, names, query);
}

// Changes the address without a new page: what a reload shall find again.
export function remember(name, names, query) {
  history.replaceState(null, "", to(name, names, query));
}
