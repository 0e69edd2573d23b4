import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime } from "../inbox/relative_time.js";

const NOW = Date.parse("2026-01-15T12:00:00Z");

for (const [moment, words] of [
  ["2026-01-15T11:59:30Z", "just now"],
  ["2026-01-15T12:00:20Z", "just now"],
  ["2026-01-15T11:59:10Z", "1 minute ago"],
  ["2026-01-15T11:55:00Z", "5 minutes ago"],
  ["2026-01-15T09:00:00Z", "3 hours ago"],
  ["2026-01-14T11:00:00Z", "yesterday"],
  ["2026-01-01T12:00:00Z", "Jan 1, 2026"],
  ["nonsense", ""],
] as const) {
  test(`${moment} is ${words || "nothing"}`, () => assert.equal(relativeTime(moment, NOW, "en"), words));
}
