import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Arrangement } from "../inbox/arrangement.js";
import { notification } from "./notifications.js";

function arranged(...ids: number[]): Arrangement {
  const arrangement = new Arrangement();
  arrangement.update(ids.map((id) => notification(id)), false);
  return arrangement;
}

const shown = ({ rows }: Arrangement): string[] =>
  rows.map(({ notification: { id }, isGone }) => (isGone ? `(${id})` : id));

const list = (...ids: number[]) => ids.map((id) => notification(id));

describe("a list that is held", () => {
  test("lets arrivals wait", () => {
    const arrangement = arranged(3, 2, 1);
    arrangement.update(list(5, 4, 3, 2, 1), true);
    assert.deepEqual([shown(arrangement), arrangement.waiting], [["3", "2", "1"], 2]);
    arrangement.update(list(5, 4, 3, 2, 1), false);
    assert.deepEqual([shown(arrangement), arrangement.waiting], [["5", "4", "3", "2", "1"], 0]);
  });

  test("keeps the place of what others delete", () => {
    const arrangement = arranged(3, 2, 1);
    arrangement.update(list(3, 1), true);
    assert.deepEqual(shown(arrangement), ["3", "(2)", "1"]);
    arrangement.update(list(3, 1), false);
    assert.deepEqual(shown(arrangement), ["3", "1"]);
  });

  test("lets go what the user deletes, and takes it back", () => {
    const arrangement = arranged(3, 2, 1);
    arrangement.allow("2");
    arrangement.update(list(4, 3, 1), true);
    assert.deepEqual(shown(arrangement), ["3", "1"]);
    arrangement.update(list(4, 3, 2, 1), true);
    assert.deepEqual([shown(arrangement), arrangement.waiting], [["3", "2", "1"], 1]);
  });

  test("grows by older pages", () => {
    const arrangement = arranged(9, 8);
    arrangement.update(list(10, 9, 8, 7, 6), true);
    assert.deepEqual([shown(arrangement), arrangement.waiting], [["9", "8", "7", "6"], 1]);
  });

  test("shows a change of a notification in its place", () => {
    const arrangement = arranged(2, 1);
    arrangement.update([notification(2), notification(1, { read: true })], true);
    assert.deepEqual(arrangement.rows.map((row) => row.notification.read), [false, true]);
  });

  test("that is empty has nothing to keep in place", () => {
    const arrangement = new Arrangement();
    arrangement.update(list(1), true);
    assert.deepEqual([shown(arrangement), arrangement.waiting], [["1"], 0]);
  });
});
