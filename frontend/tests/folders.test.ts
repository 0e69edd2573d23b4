/** Lists of other folders, and what is pinned. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Notification, NotificationEvent } from "../client/index.js";
import { EVERYTHING, InboxList, pinnedFirst, restore, type StoredList, sameFilter } from "../inbox/list.js";
import { AT, notification } from "./notifications.js";

const page = (position: string, notifications: Notification[], hasMore = false) => ({
  ...{ notifications, hasMore, position },
  ...{ endCursor: "c", unreadCount: 0, unseenCount: 0 },
});
const counts = { unreadCount: 0, unseenCount: 0, occurredAt: AT };
const updated = (position: string, notification: Notification): NotificationEvent => ({
  __typename: "NotificationUpdated",
  ...{ position, notification, change: "READ", ...counts },
});
const idsOf = (notifications: readonly Notification[]): string => notifications.map(({ id }) => id).join(" ");

describe("the archive", () => {
  const archive = (): InboxList => {
    const list = new InboxList({ ...EVERYTHING, folder: "ARCHIVE" });
    list.show(page("e.1", [notification(3, { folder: "ARCHIVE" }), notification(1, { folder: "ARCHIVE" })]));
    return list;
  };

  test("takes what is moved there, in its place, and loses what is moved back", () => {
    const list = archive();
    list.apply(updated("e.2", notification(2, { folder: "ARCHIVE" })));
    assert.equal(idsOf(list.notifications), "3 2 1");
    list.apply(updated("e.3", notification(3)));
    list.apply({ __typename: "NotificationAdded", position: "e.4", notification: notification(4), ...counts });
    assert.equal(idsOf(list.notifications), "2 1");
  });

  test("is not read when the inbox is", () => {
    const list = archive();
    list.apply({ __typename: "AllNotificationsRead", position: "e.2", count: 5, throughRank: "9", ...counts });
    assert.deepEqual(list.notifications.map(({ read }) => read), [false, false]);
  });

  test("is read as several, and is stale when several were moved there, of which it knows the ids alone", () => {
    const list = archive();
    const changed = (position: string, change: "READ" | "ARCHIVED", ...notificationIds: string[]): NotificationEvent => ({
      __typename: "NotificationsUpdated",
      ...{ position, change, notificationIds, ...counts },
    });
    list.apply(changed("e.2", "READ", "3", "2"));
    assert.deepEqual(list.notifications.map(({ read }) => read), [true, false]);
    assert.equal(list.staleFrom, undefined);
    const moved = changed("e.3", "ARCHIVED", "2");
    list.apply(moved);
    assert.equal(list.staleFrom, "0");
    const inbox = new InboxList();
    inbox.apply(moved);
    assert.equal(inbox.staleFrom, undefined);
  });

  test("is not stored in the place of the inbox", () => {
    assert.equal(archive().toStored(), undefined);
  });
});

describe("what is pinned", () => {
  const inbox = (): InboxList => {
    const list = new InboxList();
    list.load(page("e.9", [notification(9), notification(8, { pinned: true })], true));
    return list;
  };

  test("is shown however old it is, once, and leaves when it is unpinned", () => {
    const list = inbox();
    assert.equal(list.all(), list.notifications);
    list.showPinned(page("e.9", [notification(8, { pinned: true }), notification(2, { pinned: true })]));
    assert.equal(idsOf(list.all()), "9 8 2");
    assert.equal(idsOf(pinnedFirst(list.all())), "8 2 9");
    list.apply(updated("e.10", notification(5, { pinned: true })));
    assert.equal(idsOf(pinnedFirst(list.all())), "8 5 2 9");
    list.apply(updated("e.11", notification(2)));
    list.apply(updated("e.12", notification(8)));
    assert.equal(idsOf(pinnedFirst(list.all())), "5 9 8");
    list.apply({ __typename: "NotificationDeleted", position: "e.13", notificationId: "5", ...counts });
    assert.equal(idsOf(list.all()), "9 8");
    assert.equal(pinnedFirst(list.all()), list.all());
  });

  test("follows what happened while its page was read", () => {
    const list = inbox();
    list.apply(updated("e.10", notification(2)));
    list.apply(updated("e.11", notification(3, { pinned: true })));
    list.showPinned(page("e.9", [notification(2, { pinned: true })]));
    assert.equal(idsOf(list.all()), "9 8 3");
  });

  test("is stored with the list", () => {
    const list = inbox();
    list.showPinned(page("e.9", [notification(2, { pinned: true })]));
    const restored = new InboxList();
    restored.load(restore(JSON.stringify(list.toStored())) as StoredList);
    assert.equal(idsOf(restored.all()), "9 8 2");
    restored.apply(updated("e.10", notification(2)));
    assert.equal(idsOf(restored.all()), "9 8");
  });

  test("is of the filter", () => {
    const list = new InboxList({ type: null, unreadOnly: true });
    list.show(page("e.1", [notification(9)], true));
    list.showPinned(page("e.1", [notification(2, { pinned: true })]));
    list.apply(updated("e.2", notification(2, { pinned: true, read: true })));
    assert.equal(idsOf(list.all()), "9");
  });

  test("comes once when its page is read", () => {
    const list = inbox();
    list.showPinned(page("e.9", [notification(8, { pinned: true }), notification(2, { pinned: true })]));
    list.append(page("e.9", [notification(3), notification(2, { pinned: true }), notification(1)]));
    assert.equal(idsOf(list.all()), "9 8 3 2 1");
  });
});

test("a filter of what is pinned is another one, and false is the default", () => {
  assert.equal(sameFilter({ ...EVERYTHING, pinnedOnly: true }, EVERYTHING), false);
  assert.equal(sameFilter({ ...EVERYTHING, pinnedOnly: false }, EVERYTHING), true);
  const list = new InboxList({ ...EVERYTHING, pinnedOnly: true });
  list.show(page("e.1", [notification(2, { pinned: true })]));
  assert.equal(list.toStored(), undefined);
});
