// What this browser remembers: language and theme. Nothing else is kept on the terminal.

import { speak } from "./words.js";

const LANGUAGE = "edgeward.language";
const THEME = "edgeward.theme";
export const THEMES = ["auto", "light", "dark"];
let theme = "auto";
const dark = matchMedia("(prefers-color-scheme: dark)");
let changed = () => {};

export function begin(onTheme) {
  changed = onTheme;
  speak(read(LANGUAGE) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"));
  chooseTheme(read(THEME) ?? "auto");
  dark.addEventListener("change", () => chooseTheme(theme));
}

export function chooseLanguage(language) {
  write(LANGUAGE, language);
  speak(language);
}

export function chooseTheme(wanted) {
  theme = THEMES.includes(wanted) ? wanted : "auto";
  write(THEME, theme);
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  changed();
}

export function chosenTheme() {
  return theme;
}

function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is switched off here
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    return; // it counts until the page is closed
  }
}
