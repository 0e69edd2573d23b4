import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InboxList, type Filter } from "../inbox/list.js";
import { PendingChanges } from "../inbox/pending_changes.js";
import { notification } from "./notifications.js";

function inbox(filter?: Filter): InboxList {
  const list = new InboxList(filter);
  const notifications = [notification(3), notification(2, { read: true }), notification(1)];
  list.load({ notifications, endCursor: null, hasMore: false, unreadCount: 2, unseenCount: 2, position: "e.3" });
  return list;
}

const change = (effect: "read" | "unread" | "pin" | "unpin" | "remove", id: string, unreadDelta: number) => ({
  effect,
  covers: (each: { id: string }) => each.id === id,
  ids: [id],
  unreadDelta,
});

describe("changes on their way", () => {
  test("show at once, and leave all other notifications as they are", () => {
    const list = inbox();
    const pending = new PendingChanges();
    assert.equal(pending.applyTo(list), list.notifications);
    pending.add(change("read", "3", -1));
    pending.add(change("remove", "2", 0));
    const shown = pending.applyTo(list);
    assert.deepEqual(shown.map(({ id, read }) => [id, read]), [["3", true], ["1", false]]);
    assert.equal(shown[1], list.notifications[2]);
    assert.equal(pending.applyTo(list)[0], shown[0]);
    assert.equal(pending.unreadCount(list), 1);
  });

  test("pin and unpin", () => {
    const list = inbox();
    const pending = new PendingChanges();
    pending.add(change("pin", "1", 0));
    pending.add(change("unpin", "3", 0));
    const shown = pending.applyTo(list);
    assert.deepEqual(shown.map(({ id, pinned, read }) => [id, pinned, read]), [
      ["3", false, false],
      ["2", false, true],
      ["1", true, false],
    ]);
    assert.equal(shown[0], list.notifications[0]);
  });

  test("leave a list of unread ones as soon as they are read", () => {
    const list = inbox({ type: null, unreadOnly: true });
    const pending = new PendingChanges();
    pending.add(change("read", "3", -1));
    assert.deepEqual(pending.applyTo(list).map(({ id }) => id), ["2", "1"]);
  });

  test("end when the list has reached the position of the answer", () => {
    const list = inbox();
    const pending = new PendingChanges();
    const added = pending.add(change("read", "3", -1));
    assert.equal(pending.isSending("3"), true);
    pending.done(added, "e.4");
    assert.equal(pending.isSending("3"), false);
    pending.settle("e.3");
    assert.equal(pending.unreadCount(list), 1);
    pending.settle("e.4");
    assert.equal(pending.unreadCount(list), 2);
    assert.equal(pending.count, 0);
  });
});
