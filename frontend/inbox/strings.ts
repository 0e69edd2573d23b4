/** The words of the component. `{name}` in a text stands for a value, `{n}` for a number. */

import { languageOf, stringsOf } from "./languages.js";

/** A text with a number: one text for all numbers, or one for each plural category of the language. */
export type Counted = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);

export interface Strings {
  heading: string;
  bell: Counted;
  unreadCount: Counted;
  allRead: string;
  markAllRead: string;
  markTypeRead: string;
  preferences: string;
  close: string;
  show: string;
  all: string;
  unread: string;
  /** Search in the list, and filter it. */
  search: string;
  type: string;
  allTypes: string;
  category: string;
  allCategories: string;
  priority: string;
  allPriorities: string;
  low: string;
  normal: string;
  /** Which states are shown: all, or only those that are new, seen, read or pinned. */
  state: string;
  allStates: string;
  onlyNew: string;
  onlySeen: string;
  onlyRead: string;
  onlyPinned: string;
  /** Read aloud: how many there are, and that there may be more. */
  found: Counted;
  foundMore: Counted;
  archiveAll: string;
  deleteAll: string;
  /** Asked before all of a list is deleted. */
  askDeleteAll: string;
  cancel: string;
  archivedAll: string;
  deletedAll: string;
  showOlder: string;
  showMore: string;
  showLess: string;
  empty: string;
  emptyUnread: string;
  emptyFiltered: string;
  markRead: string;
  markUnread: string;
  remove: string;
  archive: string;
  /** Back from the archive. */
  unarchive: string;
  /** Out of the inbox until a moment. */
  snooze: string;
  /** The heading of the menu with the moments to choose from. */
  snoozeUntil: string;
  inOneHour: string;
  thisEvening: string;
  tomorrowMorning: string;
  /** Monday morning. */
  nextWeek: string;
  pickTime: string;
  /** Back from a snooze, now. */
  unsnooze: string;
  pin: string;
  unpin: string;
  /** The heading above what is pinned. */
  pinned: string;
  /** The folders of the archive and of what is snoozed. */
  archiveFolder: string;
  snoozedFolder: string;
  emptyFolder: string;
  movedBack: string;
  high: string;
  urgent: string;
  /** When a snoozed notification comes back. */
  until: string;
  /** Read aloud before the title of an unread notification. */
  unreadMark: string;
  from: string;
  data: string;
  deleted: string;
  archived: string;
  snoozed: string;
  markedRead: Counted;
  undo: string;
  dismiss: string;
  gone: string;
  newAbove: Counted;
  away: Counted;
  arrived: string;
  arrivedMany: Counted;
  connecting: string;
  catchingUp: string;
  live: string;
  reloaded: string;
  caughtUp: Counted;
  connectionLost: string;
  serverRestarts: string;
  reconnecting: string;
  /** How many notifications of its group are folded under one. */
  groupMore: Counted;
  queued: Counted;
  notSent: string;
  notSignedIn: string;
  signInExpired: string;
  signInRefused: string;
  signInHint: string;
  originRefused: string;
  /** In the place of the list, when the first attempts to load it have failed. */
  unreachable: string;
  unreachableHint: string;
  /** The button that does not wait for the next attempt. */
  tryNow: string;
  /** What the user wanted has failed, and the server has not said why. */
  failed: string;
  preferencesIntro: string;
  alwaysOn: string;
  /** The name of the inbox among the channels by which notifications reach the user. */
  inboxChannel: string;
  /** The name of a switch where there are several channels: "E-mail for Comments". */
  channelOfType: string;
  noPreferences: string;
  /** Whether the browser may show notifications, asked before the browser asks. */
  askBrowser: string;
  turnOn: string;
  notNow: string;
  keys: string;
}

type Name = keyof Strings;
type Values = Record<string, string>;

/** The texts, numbers and dates of one language. */
export class Texts {
  /** The language of the texts, which may be another than that of numbers and dates. */
  readonly language: string;
  private strings: Strings;
  private readonly plurals: Intl.PluralRules;
  private readonly numbers: Intl.NumberFormat;

  /** `locale` is a language tag; `own` replaces single texts. */
  constructor(
    readonly locale: string,
    own: Partial<Strings> = {},
  ) {
    const found = stringsOf(languageOf(locale));
    this.language = found ? languageOf(locale) : "en";
    // Those of a part are added before it uses them.
    this.strings = { ...(found ?? stringsOf("en")), ...own } as Strings;
    this.plurals = new Intl.PluralRules(this.language);
    this.numbers = new Intl.NumberFormat(locale);
  }

  /** Add the English words of a part, for a language that does not have them. */
  add(words: Partial<Strings>): void {
    this.strings = { ...words, ...this.strings };
  }

  text(name: Name, values: Values = {}): string {
    const found = this.strings[name];
    return insert(typeof found === "string" ? found : found.other, values);
  }

  count(name: Name, n: number, values: Values = {}): string {
    const found = this.strings[name];
    const form = typeof found === "string" ? found : (found[this.plurals.select(n)] ?? found.other);
    return insert(form, { ...values, n: this.number(n) });
  }

  number(n: number): string {
    return this.numbers.format(n);
  }
}

function insert(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** Return the language tag of an element's place in its page, or else of the browser. */
export function localeOf(place: Element): string {
  const tag = closest(place)?.getAttribute("lang") || globalThis.navigator?.language || "en";
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? "en";
  } catch {
    return "en";
  }
}

function closest(place: Element): Element | null {
  const found = place.closest("[lang]");
  if (found) return found;
  const root = place.getRootNode();
  return root instanceof ShadowRoot ? closest(root.host) : null;
}
