// The console's page: who is signed in, and which view they see.
//
// Guarantees: without a session there is the sign-in and nothing else; when the session ends, what the page
// held of the fleet is thrown away, and the private key with it; when somebody else signs in in another window of
// this browser, every window is theirs, so that a watermark never has the wrong name. Leaves out what the views do.

import * as api from "./api.js";
import { hear } from "./clock.js";
import { fill } from "./dom.js";
import { announce } from "./heralds.js";
import { beginIdle } from "./idle.js";
import { begin as beginPreferences } from "./preferences.js";
import { beginRouter, follow, go } from "./router.js";
import { drawShell, openView, stopView } from "./shell.js";
import { beginShortcuts } from "./shortcuts.js";
import { forgetKey } from "./signing.js";
import { clear, store, tell } from "./store.js";
import { closeStream, openStream } from "./stream.js";
import { PAGES } from "./views/pages.js";
import { passwordPage, signInPage } from "./views/signin.js";
import { beginWatermark } from "./watermark.js";
import { t } from "./words.js";

const app = document.getElementById("app");
const windows = new BroadcastChannel("edgeward.session");
let shown = null; // "signin", "password", "console"

async function begin() {
  beginPreferences(() => tell("theme"));
  beginWatermark(document.getElementById("watermark"));
  announce();
  beginShortcuts(redraw);
  beginIdle(() => signOff(t("signin.idle")));
  beginRouter(Object.keys(PAGES), (place) => shown === "console" && openView(place));
  api.onEnded((code) => (code === "password.must-change" ? showPassword() : signOut(t("signin.ended"))));
  windows.addEventListener("message", recheck);
  setInterval(() => tell("clock"), 1000);
  try {
    takeSession(await api.get("/session"));
  } catch (error) {
    if (error.code !== "session.none") showSignIn(error.code === "page.no-console" ? t("error.page.no-console") : "");
  }
}

function takeSession(session) {
  if (store.session && store.session.account !== session.account) forgetKey();
  store.session = session;
  api.keepCsrf(session.csrf);
  hear(session.now);
  tell("session");
  windows.postMessage("signed in");
  if (session.must_change) {
    showPassword();
    return;
  }
  shown = "console";
  drawShell(app, { redraw, signOff: () => signOff() });
  follow();
  openStream();
}

function showSignIn(notice) {
  shown = "signin";
  document.title = t("product");
  fill(app, signInPage(takeSession, notice, redraw));
  app.querySelector("input")?.focus();
}

function showPassword() {
  shown = "password";
  stopView();
  closeStream();
  fill(app, passwordPage(takeSession, { must: store.session?.must_change ?? true, redraw, back: store.session?.must_change ? null : backToConsole }));
  app.querySelector("input")?.focus();
}

function backToConsole() {
  takeSession(store.session);
}

async function signOff(notice = "") {
  try {
    await api.post("/logout", {});
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
  }
  signOut(notice);
}

function signOut(notice) {
  if (shown === "signin") return;
  const known = shown !== null; // else the page was only opened
  leave();
  showSignIn(known ? notice : "");
}

function leave() {
  stopView();
  closeStream();
  forgetKey();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  clear();
  tell("session");
}

// Whose session it is now; an end of it is told by api.js.
async function recheck() {
  const session = await api.get("/session").catch(() => null);
  if (session === null || session.csrf === store.session?.csrf) return;
  leave();
  takeSession(session);
}

// Everything anew, in the language that is chosen now.
function redraw() {
  tell("session");
  if (shown === "console") {
    drawShell(app, { redraw, signOff: () => signOff() });
    follow();
  } else if (shown === "password") showPassword();
  else showSignIn("");
}

addEventListener("edgeward:password", showPassword);
addEventListener("edgeward:home", () => go("fleet"));
begin();
