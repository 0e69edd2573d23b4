/** English words of the parts that are loaded when they are needed: each part brings its own. */

import type { Strings } from "../strings.js";

/** The menu of a snooze. */
export const SNOOZE_WORDS = {
  snoozeUntil: "Snooze until",
  inOneHour: "In one hour",
  thisEvening: "This evening",
  tomorrowMorning: "Tomorrow morning",
  nextWeek: "Next week",
  pickTime: "Pick a date and time",
} satisfies Partial<Strings>;

/** The search. */
export const SEARCH_WORDS = {
  type: "Type",
  allTypes: "All types",
  category: "Category",
  allCategories: "All categories",
  priority: "Priority",
  allPriorities: "All priorities",
  low: "Low",
  normal: "Normal",
  state: "State",
  allStates: "All states",
  onlyNew: "New",
  onlySeen: "Seen",
  onlyRead: "Read",
  onlyPinned: "Pinned",
  found: "{n} found",
  foundMore: "{n} or more found",
  archiveAll: "Archive all",
  deleteAll: "Delete all",
  askDeleteAll: "Delete everything in this list, also what is not on the screen?",
  cancel: "Cancel",
  archivedAll: "All archived.",
  deletedAll: "All deleted.",
} satisfies Partial<Strings>;

/** The preferences. */
export const PREFERENCES_WORDS = {
  preferencesIntro: "What should reach you? What is in the inbox stays.",
  alwaysOn: "always on",
  inboxChannel: "Inbox",
  channelOfType: "{channel} for {type}",
  noPreferences: "There is nothing to choose yet.",
} satisfies Partial<Strings>;

/** The question before the browser asks. */
export const ALERT_WORDS = {
  askBrowser: "Show notifications of your browser while this page is in the background?",
  turnOn: "Turn on",
  notNow: "Not now",
} satisfies Partial<Strings>;

/** What few notifications have. */
export const CONTENT_WORDS = {
  groupMore: "{n} more",
  data: "Data",
} satisfies Partial<Strings>;

/** All of them: a value would be in every part. */
export type PartWords = typeof SNOOZE_WORDS &
  typeof SEARCH_WORDS &
  typeof PREFERENCES_WORDS &
  typeof ALERT_WORDS &
  typeof CONTENT_WORDS;
