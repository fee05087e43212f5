// What the stream said, by name; and who wants to know when it changes.
//
// Guarantees: a snapshot replaces everything; listeners are told after the change, by topic. Closed alarms
// and finished commands are told once and then forgotten. Leaves out where news come from (stream.js).

export const store = {
  ready: false,
  session: null,
  console: null,
  boxes: new Map(),
  alarms: new Map(),
  commands: new Map(),
  link: "connecting", // connecting, live, lost
};

const listeners = new Map();

// Topics: boxes, measured, alarms, commands, checks, console, link, session, clock. Gives the way to stop.
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
  return () => listeners.get(topic).delete(listener);
}

export function tell(topic, news) {
  for (const listener of [...(listeners.get(topic) ?? [])]) listener(news);
}

export function takeSnapshot(data) {
  store.boxes = new Map(data.boxes.map((box) => [box.box, box]));
  store.alarms = new Map(data.alarms.map((alarm) => [alarm.id, alarm]));
  store.commands = new Map(data.commands.map((command) => [command.cmd_id, command]));
  store.console = data.console;
  store.ready = true;
  for (const topic of ["console", "boxes", "alarms", "commands"]) tell(topic, null);
}

export function takeBoxes(rows) {
  for (const row of rows) store.boxes.set(row.box, row);
  tell("boxes", rows);
}

// Measurements are laid over the rows: `{box: {entity: values}}`.
export function takeMeasured(values) {
  for (const [name, entities] of Object.entries(values)) {
    const box = store.boxes.get(name);
    if (!box) continue;
    for (const [entity, measured] of Object.entries(entities)) {
      const place = entity === "_" ? box : box.channels[entity];
      if (place) Object.assign(place, measured);
    }
  }
  tell("measured", values);
}

export function takeAlarms(changed) {
  const fresh = changed.filter((alarm) => alarm.state === "raised" && store.alarms.get(alarm.id)?.state !== "raised");
  for (const alarm of changed) {
    if (alarm.state === "closed") store.alarms.delete(alarm.id);
    else store.alarms.set(alarm.id, alarm);
  }
  tell("alarms", { changed, fresh });
}

const OPEN_COMMANDS = new Set(["waiting", "queued", "sent", "accepted"]);

export function takeCommands(changed) {
  for (const command of changed) {
    if (OPEN_COMMANDS.has(command.state)) store.commands.set(command.cmd_id, command);
    else store.commands.delete(command.cmd_id);
  }
  tell("commands", changed);
}

export function forgetBox(name) {
  store.boxes.delete(name);
  tell("boxes", []);
}

export function clear() {
  Object.assign(store, { ready: false, session: null, console: null, boxes: new Map(), alarms: new Map(), commands: new Map() });
}

// True when the person has one of these roles.
export function may(...roles) {
  return roles.some((role) => store.session?.roles.includes(role));
}

export const ACTING = ["operator", "security-officer"];
export const AUDITING = ["auditor", "security-officer", "admin"];
