// All boxes are asked to say everything again.

import { post } from "../api.js";
import { field, form, PageError, show } from "../dialog.js";
import { h } from "../dom.js";
import { say } from "../heralds.js";
import { t } from "../words.js";

export function askRebirth() {
  const input = h("input", { type: "number", name: "window", min: 0, max: 600, step: 1, value: "60" });
  const body = form(
    [h("p", null, t("rebirth.text")), field(t("rebirth.window"), input, t("rebirth.hint"))],
    t("rebirth"),
    async () => {
      const seconds = Number(input.value);
      if (!Number.isInteger(seconds) || seconds < 0 || seconds > 600) throw new PageError(t("rebirth.hint"));
      await post("/rebirth", { window_s: seconds });
      dialog.close();
      say(t("rebirth.done"));
    },
    { cancel: () => dialog.close() },
  );
  const dialog = show(t("rebirth"), body);
}
