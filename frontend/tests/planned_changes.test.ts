import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Notification } from "../client/index.js";
import { DetailedList } from "../inbox/detailed_list.js";
import { type Conditions, EVERYTHING } from "../inbox/list.js";
import { PendingChanges } from "../inbox/pending_changes.js";
import { effectOf, effectOfAll, type PlannedChange } from "../packages/live-inbox/src/planned_changes.js";
import { notification } from "./notifications.js";

function listOf(conditions: Conditions, ...notifications: Notification[]): DetailedList {
  const list = new DetailedList({ ...EVERYTHING, ...conditions });
  list.load({ notifications, endCursor: null, hasMore: true, unreadCount: 40, unseenCount: 40, position: "e.1" });
  return list;
}

/** What is shown: "id" if it is unread, "(id)" if it is read; and the number of unread ones. */
function shown(list: DetailedList, change: PlannedChange | undefined): [string, number] {
  const pending = new PendingChanges();
  if (change) pending.add(change);
  const rows = pending.applyTo(list).map(({ id, read }) => (read ? `(${id})` : id));
  return [rows.join(" "), pending.unreadCount(list)];
}

describe("a change of one notification", () => {
  const list = listOf({}, notification(3), notification(2, { read: true }), notification(1));

  test("shows what it will be, with the number of unread ones", () => {
    assert.deepEqual(shown(list, effectOf("markRead", "3", list)), ["(3) (2) 1", 39]);
    assert.deepEqual(shown(list, effectOf("markUnread", "2", list)), ["3 2 1", 41]);
    assert.deepEqual(shown(list, effectOf("archive", "3", list)), ["(2) 1", 39]);
    assert.deepEqual(shown(list, effectOf("snooze", "2", list)), ["3 1", 40]);
    assert.deepEqual(shown(list, effectOf("remove", "1", list)), ["3 (2)", 39]);
    assert.deepEqual(shown(list, effectOf("pin", "1", list)), ["3 (2) 1", 40]);
  });

  test("of what is not in the list shows nothing", () => {
    assert.equal(effectOf("archive", "9", list), undefined);
  });

  test("counts in the inbox what comes back to it", () => {
    const archive = new DetailedList({ ...EVERYTHING, folder: "ARCHIVE" });
    archive.load({
      notifications: [notification(2, { folder: "ARCHIVE" }), notification(1, { folder: "ARCHIVE", read: true })],
      ...{ endCursor: null, hasMore: false, unreadCount: 4, unseenCount: 0, position: "e.1" },
    });
    assert.deepEqual(shown(archive, effectOf("unarchive", "2", archive)), ["(1)", 5]);
    assert.deepEqual(shown(archive, effectOf("unarchive", "1", archive)), ["2", 4]);
    assert.deepEqual(shown(archive, effectOf("markRead", "2", archive)), ["(2) (1)", 4]);
    assert.deepEqual(shown(archive, effectOf("markUnread", "1", archive)), ["2 1", 4]);
  });
});

describe("a bulk change", () => {
  test("of the whole inbox is of what is not loaded, too", () => {
    const list = listOf({}, notification(3), notification(2, { read: true }));
    assert.deepEqual(shown(list, effectOfAll("archiveAll", EVERYTHING, list)), ["", 0]);
    assert.deepEqual(shown(list, effectOfAll("markAllRead", EVERYTHING, list)), ["(3) (2)", 0]);
  });

  test("of what is read leaves the number of unread ones", () => {
    const list = listOf({}, notification(3), notification(2, { read: true }));
    assert.deepEqual(shown(list, effectOfAll("deleteAll", { ...EVERYTHING, read: true }, list)), ["3", 40]);
  });

  test("of a filter is of what matches it", () => {
    const list = listOf({}, notification(3, { priority: "LOW" }), notification(2));
    assert.deepEqual(shown(list, effectOfAll("deleteAll", { ...EVERYTHING, priorities: ["LOW"] }, list)), ["2", 39]);
  });

  test("of words is known for the list of these words alone", () => {
    const found = listOf({ text: "n" }, notification(3), notification(2));
    assert.deepEqual(shown(found, effectOfAll("archiveAll", found.filter, found)), ["", 38]);
    const inbox = listOf({}, notification(3), notification(2));
    assert.deepEqual(shown(inbox, effectOfAll("archiveAll", found.filter, inbox)), ["3 2", 40]);
  });

  test("does not hide what has come to the folder that it went to", () => {
    const inbox = listOf({}, notification(3));
    const change = effectOfAll("archiveAll", EVERYTHING, inbox);
    const archive = new DetailedList({ ...EVERYTHING, folder: "ARCHIVE" });
    archive.notifications = [notification(3, { folder: "ARCHIVE" })];
    assert.equal(shown(archive, change)[0], "3");
  });
});
