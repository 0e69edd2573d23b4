import assert from "node:assert/strict";
import { test } from "node:test";
import { dayName, fullTime, relativeTime, upcomingTime } from "../inbox/relative_time.js";

const NOW = Date.parse("2026-01-15T12:00:00Z");

for (const [moment, words] of [
  ["2026-01-15T11:59:30Z", "now"],
  ["2026-01-15T12:00:20Z", "now"],
  ["2026-01-15T11:59:10Z", "1 minute ago"],
  ["2026-01-15T11:55:00Z", "5 minutes ago"],
  ["2026-01-15T09:00:00Z", "3 hours ago"],
  ["2026-01-14T11:00:00Z", "yesterday"],
  ["2026-01-01T12:00:00Z", "Jan 1, 2026"],
  ["nonsense", ""],
] as const) {
  test(`${moment} is ${words || "nothing"}`, () => assert.equal(relativeTime(moment, "en", NOW), words));
}

test("times are those of the language", () => {
  assert.equal(relativeTime("2026-01-15T11:56:00Z", "de", NOW), "vor 4 Minuten");
  assert.match(fullTime("2026-01-15T11:56:00Z", "fr"), /janv\. 2026/);
  assert.equal(fullTime("nonsense", "fr"), "");
});

test("days have names", () => {
  const today = new Date(2026, 0, 15).getTime();
  const names = [0, 1, 2].map((ago) => dayName(new Date(2026, 0, 15 - ago).getTime(), "en", today + 3_600_000));
  assert.deepEqual(names, ["today", "yesterday", "Jan 13, 2026"]);
});

test("what is to come has its time, its day or its date", () => {
  const now = new Date(2026, 0, 15, 12).getTime();
  const shown = (day: number, hour: number): string => upcomingTime(new Date(2026, 0, day, hour), "en", now).replace("\u202f", " ");
  assert.equal(shown(15, 18), "6:00 PM");
  assert.equal(shown(16, 8), "Fri 8:00 AM");
  assert.equal(shown(21, 23), "Wed 11:00 PM");
  // The same day of the week as today.
  assert.equal(shown(22, 8), "Thu, Jan 22, 8:00 AM");
  assert.match(upcomingTime(new Date(2026, 0, 16, 8).toISOString(), "de", now), /^Fr\.?,? 08:00$/);
  assert.equal(upcomingTime("nonsense", "en"), "");
});
