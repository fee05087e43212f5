// The words of the page in the language of the person.
//
// Guarantees: a key that a language does not have is shown as the key, never as nothing; fields are put in
// as text. A test holds both languages against each other and against the keys that the page uses.

import { CODES as CODES_EN } from "../words/codes.en.js";
import { CODES as CODES_ZH } from "../words/codes.zh.js";
import { WORDS as WORDS_EN } from "../words/words.en.js";
import { WORDS as WORDS_ZH } from "../words/words.zh.js";

const LANGUAGES = { en: { ...WORDS_EN, ...CODES_EN }, zh: { ...WORDS_ZH, ...CODES_ZH } };
const TAGS = { en: "en", zh: "zh-CN" };
let language = "en";
const checks = {};

export function speak(wanted) {
  language = wanted in LANGUAGES ? wanted : "en";
  document.documentElement.lang = TAGS[language];
}

export function spoken() {
  return language;
}

export function tag() {
  return TAGS[language];
}

// The sentence `key`, with `{name}` from `fields`; `key.one`, where there is one, for an `n` of 1.
export function t(key, fields) {
  const words = LANGUAGES[language];
  const found = (fields?.n === 1 && words[`${key}.one`]) || words[key];
  if (found === undefined) return key;
  return fields ? found.replace(/\{(\w+)\}/g, (whole, name) => (name in fields ? String(fields[name]) : whole)) : found;
}

// The word `prefix.word` of a closed list; a word that is not in the list is shown as it is.
export function word(prefix, value) {
  if (value === null || value === undefined) return t("unknown");
  return LANGUAGES[language][`${prefix}.${value}`] ?? String(value);
}

// True when this language has words of its own for it.
export function knows(key) {
  return key in LANGUAGES[language];
}

// The sentences of the checks (static/words/checks.*.json, made from the agent's own).
export async function loadChecks() {
  if (!checks[language]) {
    const answer = await fetch(`/static/words/checks.${language}.json`);
    checks[language] = await answer.json();
  }
  return checks[language];
}
