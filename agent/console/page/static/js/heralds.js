// What is said aloud to a screen reader: new alarms at once, several together as a number.

import { on, store } from "./store.js";
import { t, word } from "./words.js";
import { alarmTitle } from "./alarm_words.js";

export function announce() {
  const called = document.getElementById("called");
  const said = document.getElementById("said");
  on("alarms", (news) => {
    if (!news || news.fresh.length === 0) return;
    const [first] = news.fresh;
    called.textContent =
      news.fresh.length === 1
        ? t("said.alarm", { severity: word("severity", first.severity), box: first.box ?? t("the.console"), title: alarmTitle(first) })
        : t("said.alarms", { n: news.fresh.length });
  });
  on("link", (link) => {
    said.textContent = store.session ? t(`link.${link}`) : "";
  });
}

// Something that the person did, and what came of it.
export function say(text) {
  document.getElementById("said").textContent = text;
}
