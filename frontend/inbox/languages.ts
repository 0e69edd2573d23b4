/** The languages of the component: English is part of it, the others are scripts of their own beside it. */

import { en } from "./languages/en.js";
import { hasScriptsBeside, loadBeside } from "./own_address.js";
import type { Strings } from "./strings.js";

/** Those that are shipped. */
const SHIPPED = new Set(["ar", "de", "es", "fr", "ja"]);

const known = new Map<string, Partial<Strings>>([["en", en]]);
const loading = new Map<string, Promise<boolean>>();

/** Return the language of a language tag: `de` of `de-AT`. */
export function languageOf(locale: string): string {
  return locale.toLowerCase().split("-")[0] ?? "";
}

/** Return the words of a language; of English, without those of parts. */
export function stringsOf(language: string): Partial<Strings> | undefined {
  return known.get(language);
}

/** Make languages known, without loading them. */
export function addLanguages(languages: Record<string, Strings>): void {
  for (const [language, strings] of Object.entries(languages)) known.set(language, strings);
}

/** Load the script of a language, if it is shipped; resolve to whether it has become known. */
export function loadLanguage(language: string): Promise<boolean> {
  if (known.has(language) || !SHIPPED.has(language) || !hasScriptsBeside) return Promise.resolve(false);
  const running = loading.get(language) ?? load(language);
  loading.set(language, running);
  return running;
}

async function load(language: string): Promise<boolean> {
  try {
    known.set(language, (await loadBeside<{ default: Strings }>(language)).default);
    return true;
  } catch {
    // English will do.
    return false;
  }
}
