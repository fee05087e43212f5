// Elements without markup: every text becomes a text node, so that a hostile name stays a name.
//
// Guarantees: nothing here parses HTML. Leaves out what is shown (views/).

const SVG = "http://www.w3.org/2000/svg";

// An element: `h("a", { href, class, onclick, "aria-label": … }, "text", child, [children])`.
// A property that is null, undefined or false is left out; true is an empty attribute.
export function h(name, properties, ...children) {
  return filled(document.createElement(name), properties, children);
}

// The same for SVG.
export function svg(name, properties, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(element, properties, children) {
  append(element, children); // first, so that a select has its options when it gets its value
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "indeterminate") element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

// Puts `children` in the place of all that is in `element`.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// A symbol of static/icons; the word beside it, or `label`, says the same to who can't see it.
export function icon(name, label) {
  const properties = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return h("span", { class: `icon icon-${name}`, ...properties });
}

// A button with a symbol. `kind` is "main", "quiet", "danger" or nothing.
export function button(label, { name, kind, onclick, disabled, title, type = "button", ...more } = {}) {
  const classes = ["button", kind].filter(Boolean).join(" ");
  return h("button", { type, class: classes, onclick, disabled, title, ...more }, name && icon(name), h("span", null, label));
}

// True when `element` takes letters, so that they are no shortcuts.
export function isTyping(element) {
  return element instanceof HTMLElement && (element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName))
    && !["checkbox", "radio", "button", "file"].includes(element.type);
}
