import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { entriesOf } from "../inbox/entries.js";
import { notification } from "./notifications.js";

const row = (id: number, day = 2) => ({
  notification: notification(id, { createdAt: new Date(2026, 0, day, 12).toISOString() }),
  isGone: false,
});

const described = (entries: ReturnType<typeof entriesOf>): string[] =>
  entries.map((entry) => {
    if ("row" in entry) return entry.row.notification.id;
    if ("isPinned" in entry) return "pinned";
    return "day" in entry ? `day ${new Date(entry.day).getDate()}` : `missed ${entry.missed}`;
  });

describe("entries", () => {
  test("have a day above its rows", () => {
    assert.deepEqual(described(entriesOf([row(3, 5), row(2, 5), row(1, 4)])), ["day 5", "3", "2", "day 4", "1"]);
  });

  test("have what is pinned above the days, if it stands first", () => {
    const pinned = (id: number, day?: number) => {
      const { notification: given, isGone } = row(id, day);
      return { notification: { ...given, pinned: true }, isGone };
    };
    const absence = { after: "2", through: "4" };
    assert.deepEqual(described(entriesOf([pinned(2, 4), pinned(1, 5), row(4, 5), row(3, 5)])), [
      ...["pinned", "2", "1"],
      ...["day 5", "4", "3"],
    ]);
    assert.deepEqual(described(entriesOf([pinned(1), row(4), row(2)], absence)), ["pinned", "1", "day 2", "4", "missed 1", "2"]);
    assert.deepEqual(described(entriesOf([row(4), pinned(2)])), ["day 2", "4", "2"]);
  });

  test("have a line below what was missed", () => {
    const absence = { after: "2", through: "4" };
    assert.deepEqual(described(entriesOf([row(5), row(4), row(3), row(2)], absence)), [
      "day 2",
      "5",
      "4",
      "3",
      "missed 2",
      "2",
    ]);
  });

  test("end with the line if all was missed", () => {
    assert.deepEqual(described(entriesOf([row(1)], { after: "0", through: "1" })), ["day 2", "1", "missed 1"]);
  });

  test("have no line if what was missed is gone", () => {
    assert.deepEqual(described(entriesOf([row(2)], { after: "2", through: "4" })), ["day 2", "2"]);
  });

  test("have keys that differ, and stay without a valid time", () => {
    const odd = { notification: notification(4, { createdAt: "nonsense" }), isGone: false };
    const entries = entriesOf([row(5, 5), odd, row(3, 4), row(2, 5)]);
    const keys = entries.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length);
    assert.deepEqual(described(entries), ["day 5", "5", "4", "day 4", "3", "day 5", "2"]);
  });
});
