// Which views there are, in the order of the rail. `roles`: who sees it; the console refuses all others too.

import { ACTING, AUDITING } from "../store.js";
import { accountsView } from "./accounts.js";
import { alarmsView } from "./alarms.js";
import { auditView } from "./audit.js";
import { boxView } from "./box.js";
import { checksView } from "./checks.js";
import { commandsView } from "./commands.js";
import { fleetView } from "./fleet.js";
import { recordingsView } from "./recordings.js";
import { trustView } from "./trust.js";

const ANY = [...new Set(["viewer", ...ACTING, ...AUDITING])];

export const PAGES = {
  fleet: { open: fleetView, roles: ANY, icon: "fleet" },
  box: { open: boxView, roles: ANY, icon: "box", hidden: true },
  alarms: { open: alarmsView, roles: ANY, icon: "bell" },
  checks: { open: checksView, roles: ANY, icon: "check" },
  recordings: { open: recordingsView, roles: ANY, icon: "record" },
  commands: { open: commandsView, roles: ANY, icon: "send" },
  trust: { open: trustView, roles: ANY, icon: "shield" },
  audit: { open: auditView, roles: AUDITING, icon: "book" },
  accounts: { open: accountsView, roles: ["admin"], icon: "people" },
};
