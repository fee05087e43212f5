// The arguments of each command as fields (docs/formats/commands-v1.md, Types).
//
// Guarantees: what is sent is only what the person wrote or chose; the box judges it. Commands whose
// arguments only the box's version knows are written as JSON.

import { field, PageError } from "../dialog.js";
import { h } from "../dom.js";
import { store } from "../store.js";
import { t, word } from "../words.js";

const PROFILES = ["visit", "install", "boot", "daily", "continuous", "full"];
const LEVELS = [1, 2, 3, 4, 5];
const MOST_FILE = 60 * 1024;

// `{nodes, read}`: fields for `type` at `box`; `read` gives the arguments or throws PageError.
export function argumentFields(type, box) {
  const makers = FIELDS[type] ?? [json];
  const made = makers.map((make) => make(store.boxes.get(box)));
  return {
    nodes: made.map((one) => one.node),
    read: () => Object.assign({}, ...made.map((one) => one.read())),
  };
}

function select(name, options, { optional = false } = {}) {
  const choices = options.map(([value, text]) => h("option", { value }, text));
  const control = h("select", { name: `arg-${name}` }, optional && h("option", { value: "" }, "–"), choices);
  return { node: field(word("argument", name), control), control };
}

const channel = (box) => {
  const known = Object.entries(box?.channels ?? {}).map(([id, one]) => [id, one.name ? `${id} · ${one.name}` : id]);
  const { node, control } = select("channel", known);
  return { node, read: () => ({ channel: needed(control.value, "channel") }) };
};

const profile = () => {
  const { node, control } = select("profile", PROFILES.map((name) => [name, word("profile", name)]));
  return { node, read: () => ({ profile: control.value }) };
};

const onOff = () => {
  const { node, control } = select("on", [["true", t("yes")], ["false", t("no")]]);
  return { node, read: () => ({ on: control.value === "true" }) };
};

const level = () => {
  const { node, control } = select("level", LEVELS.map((one) => [String(one), String(one)]));
  return { node, read: () => ({ level: Number(control.value) }) };
};

const interrupt = () => {
  const control = h("input", { type: "checkbox", name: "arg-interrupt" });
  return { node: field(word("argument", "interrupt"), control, t("argument.interrupt.hint")), read: () => (control.checked ? { interrupt: true } : {}) };
};

const whole = (name, first, low, high) => () => {
  const control = h("input", { type: "number", name: `arg-${name}`, min: low, max: high, step: 1, value: first });
  return {
    node: field(word("argument", name), control),
    read: () => {
      const value = Number(control.value);
      if (control.value === "" || !Number.isInteger(value) || value < low || value > high) throw new PageError(t("argument.number", { name: word("argument", name), low, high }));
      return { [name]: value };
    },
  };
};

const alarm = (box) => {
  const raised = [...store.alarms.values()].filter((one) => one.box === box?.box && one.source === "box" && one.active);
  const { node, control } = select("alarm", raised.map((one) => [JSON.stringify([one.entity, one.code]), `${one.entity === "_" ? "" : `${one.entity} · `}${one.code}`]));
  return { node, read: () => {
    const [entity, code] = JSON.parse(needed(control.value, "alarm"));
    return { entity, code };
  } };
};

const base = () => {
  const control = h("input", { type: "text", name: "arg-base", spellcheck: "false", autocomplete: "off" });
  return { node: field(word("argument", "base"), control, t("argument.base.hint")), read: () => ({ base: needed(control.value.trim(), "base") }) };
};

const text = (name, hint, convert) => () => {
  const control = h("textarea", { name: `arg-${name}`, rows: 8, spellcheck: "false" });
  return { node: field(word("argument", name), control, t(hint)), read: () => ({ [name]: convert(needed(control.value, name)) }) };
};

const file = (name, convert) => () => {
  const control = h("input", { type: "file", name: `arg-${name}` });
  let found = null;
  control.addEventListener("change", async () => {
    const chosen = control.files[0];
    found = chosen && chosen.size <= MOST_FILE ? convert(new Uint8Array(await chosen.arrayBuffer())) : null;
  });
  return { node: field(word("argument", name), control, t("argument.file.hint")), read: () => ({ [name]: needed(found, name) }) };
};

const json = () => {
  const control = h("textarea", { name: "arg-json", rows: 6, spellcheck: "false", value: "{}" });
  return { node: field(t("arguments"), control, t("argument.json.hint")), read: () => object(control.value) };
};

function needed(value, name) {
  if (value === "" || value === null) throw new PageError(t("argument.missing", { name: word("argument", name) }));
  return value;
}

function object(value) {
  try {
    const found = JSON.parse(value);
    if (found !== null && typeof found === "object" && !Array.isArray(found)) return found;
  } catch {
    throw new PageError(t("argument.json.bad"));
  }
  throw new PageError(t("argument.json.bad"));
}

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const utf8 = (bytes) => new TextDecoder().decode(bytes);

const FIELDS = {
  "alarm.acknowledge": [alarm],
  "channel.start": [channel],
  "channel.stop": [channel],
  "check.run": [profile],
  "config.propose": [base, file("configuration", utf8), interrupt],
  identify: [],
  "ledger.prove": [whole("leaf", "0", 0, Number.MAX_SAFE_INTEGER)],
  "level.raise": [channel, level, interrupt],
  maintenance: [onOff],
  "plan.set": [base, channel, text("plan", "argument.json.hint", object), interrupt],
  rebirth: [whole("window_s", "0", 0, 600)],
  "report.enter": [file("report", utf8)],
  "tickets.import": [file("batch", base64)],
};
