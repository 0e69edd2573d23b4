import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Notification, NotificationChange, NotificationEvent } from "../client/index.js";
import { EVERYTHING, InboxList, isNewer, type Page, restore } from "../inbox/list.js";
import { AT, notification } from "./notifications.js";

function page(sequence: number, ids: number[], changes: Partial<Page> = {}): Page {
  return {
    notifications: ids.map((id) => notification(id)),
    endCursor: `c${ids.at(-1)}`,
    hasMore: false,
    unreadCount: ids.length,
    unseenCount: ids.length,
    position: `e.${sequence}`,
    ...changes,
  };
}

type Change =
  | { __typename: "NotificationAdded"; notification: Notification }
  | { __typename: "NotificationUpdated"; notification: Notification; change: NotificationChange }
  | { __typename: "NotificationDeleted"; notificationId: string }
  | { __typename: "NotificationsUpdated"; change: NotificationChange; notificationIds: string[] }
  | { __typename: "NotificationsDeleted"; notificationIds: string[] }
  | { __typename: "AllNotificationsRead" | "NotificationsSeen"; count: number; throughRank: string };

function event(sequence: number, unreadCount: number, change: Change): NotificationEvent {
  return { position: `e.${sequence}`, unreadCount, unseenCount: unreadCount, occurredAt: AT, ...change };
}

const added = (sequence: number, unread: number, notification: Notification): NotificationEvent =>
  event(sequence, unread, { __typename: "NotificationAdded", notification });
const changed = (
  sequence: number,
  unread: number,
  change: NotificationChange,
  notification: Notification,
): NotificationEvent => event(sequence, unread, { __typename: "NotificationUpdated", notification, change });
const updated = (sequence: number, unread: number, notification: Notification): NotificationEvent =>
  changed(sequence, unread, notification.read ? "READ" : "UNREAD", notification);
const deleted = (sequence: number, unread: number, id: number): NotificationEvent =>
  event(sequence, unread, { __typename: "NotificationDeleted", notificationId: String(id) });

const idsOf = (list: InboxList): number[] => list.notifications.map(({ id }) => Number(id));

describe("a list that becomes too long", () => {
  const full = (): InboxList => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1]));
    for (let id = 4; id <= 2_001; id += 1) list.apply(added(id, id, notification(id)));
    return list;
  };

  test("is read anew with the 1,001st notification", () => {
    const list = new InboxList();
    list.load(page(1, Array.from({ length: 1_000 }, (_, at) => 1_000 - at)));
    assert.equal(list.isLong, false);
    list.apply(added(1_001, 1_001, notification(1_001)));
    assert.equal(list.isLong, true);
  });

  test("has room for 2,000, and knows that it left out the others", () => {
    const list = full();
    assert.deepEqual([list.notifications.length, idsOf(list)[0], list.unreadCount], [2_000, 2_000, 2_001]);
    list.apply(updated(2_002, 2_000, notification(2_001, { read: true })));
    assert.equal(idsOf(list)[0], 2_000);
    list.apply(updated(2_003, 1_999, notification(2, { read: true })));
    assert.equal(list.notifications.at(-2)?.read, true);
    const others = idsOf(list).slice(3).map(String);
    list.apply(event(2_004, 3, { __typename: "NotificationsDeleted", notificationIds: others }));
    assert.deepEqual([idsOf(list), list.isLong, list.toStored()], [[2_000, 1_999, 1_998], true, undefined]);
  });

  test("still takes older pages", () => {
    const list = full();
    list.append(page(2_001, [0]));
    assert.deepEqual(idsOf(list).slice(-2), [1, 0]);
  });
});

describe("events", () => {
  test("bring the list and its counts up to date", () => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1]));
    list.apply(added(4, 4, notification(4)));
    list.apply(updated(5, 3, notification(2, { read: true })));
    list.apply(deleted(6, 2, 1));
    assert.deepEqual(idsOf(list), [4, 3, 2]);
    assert.deepEqual(list.notifications.map(({ read }) => read), [false, false, true]);
    assert.deepEqual([list.unreadCount, list.position], [2, "e.6"]);
  });

  test("applied twice change nothing the second time", () => {
    const list = new InboxList();
    list.load(page(1, [1]));
    list.apply(added(2, 2, notification(2)));
    list.apply(added(2, 2, notification(2)));
    assert.deepEqual(idsOf(list), [2, 1]);
  });

  test("mark all read up to a rank, and leave what arrived later", () => {
    const list = new InboxList();
    list.load(page(3, [10, 9, 8]));
    list.apply(event(4, 1, { __typename: "AllNotificationsRead", count: 2, throughRank: "9" }));
    assert.deepEqual(list.notifications.map(({ read }) => read), [false, true, true]);
  });

  test("change several at once, of which the list need not have all", () => {
    const list = new InboxList();
    list.load(page(3, [10, 9, 8, 7]));
    const ids = ["10", "8", "1"];
    list.apply(event(4, 2, { __typename: "NotificationsUpdated", change: "READ", notificationIds: ids }));
    assert.deepEqual(list.notifications.map(({ read }) => read), [true, false, true, false]);
    list.apply(event(5, 2, { __typename: "NotificationsUpdated", change: "ARCHIVED", notificationIds: ["8"] }));
    list.apply(event(6, 1, { __typename: "NotificationsDeleted", notificationIds: ["7", "1"] }));
    assert.deepEqual(idsOf(list), [10, 9]);
    list.apply(changed(7, 2, "RESTORED", notification(7)));
    assert.deepEqual(idsOf(list), [10, 9, 7]);
    assert.deepEqual([list.unreadCount, list.position], [2, "e.7"]);
  });

  test("do not insert what lies beyond the pages that were read", () => {
    const list = new InboxList();
    list.load(page(9, [9, 8], { hasMore: true }));
    list.apply(updated(10, 1, notification(3, { read: true })));
    assert.deepEqual(idsOf(list), [9, 8]);
  });
});

describe("folders", () => {
  const archived = (id: number) => notification(id, { folder: "ARCHIVE" });
  const snoozed = (id: number) => notification(id, { folder: "SNOOZED", snoozedUntil: AT });

  test("what is archived leaves, and comes back to its place", () => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1]));
    list.apply(changed(4, 2, "ARCHIVED", archived(2)));
    assert.deepEqual([idsOf(list), list.unreadCount], [[3, 1], 2]);
    list.apply(changed(5, 3, "UNARCHIVED", notification(2)));
    assert.deepEqual([idsOf(list), list.unreadCount], [[3, 2, 1], 3]);
  });

  test("what returns from its snooze is at the top, and stays there", () => {
    const list = new InboxList();
    list.load(page(9, [9, 8, 2], { hasMore: true }));
    list.apply(changed(10, 2, "SNOOZED", snoozed(2)));
    list.apply(changed(11, 3, "RETURNED", notification(2, { rank: "10" })));
    list.apply(updated(12, 2, notification(2, { rank: "10", read: true })));
    assert.deepEqual([idsOf(list), list.notifications[0]?.read], [[2, 9, 8], true]);
    list.apply(added(13, 3, notification(11)));
    assert.deepEqual(idsOf(list), [11, 2, 9, 8]);
  });

  test("what was never loaded is at the top when it returns, even of an empty list", () => {
    const list = new InboxList();
    list.load(page(9, [], { hasMore: true }));
    list.apply(changed(10, 1, "RETURNED", notification(2, { rank: "10" })));
    assert.deepEqual(idsOf(list), [2]);
  });

  test("what is edited stays in its place, with its new text", () => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1]));
    list.apply(changed(4, 3, "EDITED", notification(2, { title: "new" })));
    assert.deepEqual([idsOf(list), list.notifications[1]?.title, list.unreadCount], [[3, 2, 1], "new", 3]);
  });

  test("a change of what is in another folder changes nothing", () => {
    const list = new InboxList();
    list.load(page(3, [3, 1]));
    for (const change of ["READ", "PINNED", "SNOOZED"] as const) list.apply(changed(4, 2, change, snoozed(2)));
    list.apply(changed(5, 2, "READ", archived(4)));
    assert.deepEqual(idsOf(list), [3, 1]);
  });

  test("a pinned notification stays in its place", () => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1]));
    list.apply(changed(4, 3, "PINNED", notification(2, { pinned: true })));
    assert.deepEqual(list.notifications.map(({ id, pinned }) => [id, pinned]), [["3", false], ["2", true], ["1", false]]);
  });

  test("all that is read is read by rank", () => {
    const list = new InboxList();
    list.load(page(9, [9, 8]));
    list.apply(changed(10, 3, "RETURNED", notification(2, { rank: "10" })));
    list.apply(event(11, 1, { __typename: "AllNotificationsRead", count: 2, throughRank: "9" }));
    assert.deepEqual(list.notifications.map(({ id, read }) => [id, read]), [["2", false], ["9", true], ["8", true]]);
  });

  test("what was seen changes nothing in the list", () => {
    const list = new InboxList();
    list.load(page(2, [2, 1]));
    const before = [...list.notifications];
    list.apply({ ...event(3, 2, { __typename: "NotificationsSeen", count: 2, throughRank: "2" }), unseenCount: 0 });
    assert.deepEqual([list.notifications, list.position], [before, "e.3"]);
    assert.deepEqual([list.unreadCount, list.unseenCount], [2, 0]);
  });

  test("a list from before there were ranks and folders goes on", () => {
    const list = new InboxList();
    const old = page(3, [3, 1]).notifications.map(({ rank: _, folder: __, ...rest }) => rest as Notification);
    list.load(page(3, [], { notifications: old }));
    list.apply(changed(4, 3, "UNARCHIVED", notification(2)));
    list.apply(event(5, 1, { __typename: "AllNotificationsRead", count: 2, throughRank: "2" }));
    assert.deepEqual(list.notifications.map(({ id, read }) => [id, read]), [["3", false], ["2", true], ["1", true]]);
    assert.deepEqual(new InboxList({ type: null, unreadOnly: true }).matches(old[0] as Notification), true);
  });
});

describe("pages", () => {
  test("are joined without repetition", () => {
    const list = new InboxList();
    list.load(page(5, [5, 4, 3], { hasMore: true }));
    list.append(page(5, [3, 2, 1]));
    assert.deepEqual([idsOf(list), list.hasMore, list.endCursor], [[5, 4, 3, 2, 1], false, "c1"]);
  });

  test("older than the events are brought up to date", () => {
    const list = new InboxList();
    list.load(page(5, [5, 4], { hasMore: true }));
    list.apply(updated(6, 4, notification(2, { read: true })));
    list.apply(deleted(7, 3, 1));
    list.append(page(5, [3, 2, 1]));
    assert.deepEqual(idsOf(list), [5, 4, 3, 2]);
    assert.equal(list.notifications.at(-1)?.read, true);
    assert.equal(list.unreadCount, 3);
  });

  test("older than the events do not bring in what lies further down", () => {
    const list = new InboxList();
    list.load(page(9, [9, 8], { hasMore: true }));
    list.apply(changed(10, 5, "UNARCHIVED", notification(1)));
    list.append(page(9, [7, 6], { hasMore: true }));
    assert.deepEqual(idsOf(list), [9, 8, 7, 6]);
    list.append(page(10, [5, 1]));
    assert.deepEqual(idsOf(list), [9, 8, 7, 6, 5, 1]);
  });

  test("older than the events do not repeat what has returned since", () => {
    const list = new InboxList();
    list.load(page(9, [9, 8], { hasMore: true }));
    list.apply(changed(10, 4, "SNOOZED", notification(2, { folder: "SNOOZED" })));
    list.apply(changed(11, 5, "RETURNED", notification(2, { rank: "10" })));
    list.append(page(9, [3, 2, 1]));
    assert.deepEqual(idsOf(list), [2, 9, 8, 3, 1]);
  });

  test("of a filter keep what arrived while they were being read", () => {
    const list = new InboxList({ type: null, unreadOnly: true });
    list.apply(added(6, 3, notification(6)));
    list.show(page(5, [5, 4]));
    assert.deepEqual(idsOf(list), [6, 5, 4]);
  });
});

describe("a filter", () => {
  test("removes what no longer matches, and inserts what matches again", () => {
    const list = new InboxList({ type: null, unreadOnly: true });
    list.show(page(3, [3, 2, 1]));
    list.apply(updated(4, 2, notification(2, { read: true })));
    assert.deepEqual(idsOf(list), [3, 1]);
    list.apply(updated(5, 3, notification(2)));
    assert.deepEqual(idsOf(list), [3, 2, 1]);
    list.apply(event(6, 0, { __typename: "AllNotificationsRead", count: 3, throughRank: "3" }));
    assert.deepEqual(idsOf(list), []);
  });

  test("by type shows only that type, and counts everything", () => {
    const list = new InboxList({ type: "report", unreadOnly: false });
    list.apply(added(1, 1, notification(1)));
    list.apply(added(2, 2, notification(2, { type: "report" })));
    assert.deepEqual([idsOf(list), list.unreadCount], [[2], 2]);
    assert.deepEqual([...list.types.keys()].sort(), ["general", "report"]);
  });
});

describe("the stored list", () => {
  test("is restored as it was", () => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1], { hasMore: true }));
    list.apply(added(4, 4, notification(4)));
    const stored = restore(JSON.stringify(list.toStored()));
    const restored = new InboxList();
    restored.load(stored as Page);
    assert.deepEqual(restored.notifications, list.notifications);
    assert.deepEqual([restored.position, restored.unreadCount, restored.hasMore], ["e.4", 4, true]);
  });

  test("counts what is unread as new if it is from before there was that number", () => {
    const list = new InboxList();
    list.load(page(3, [3, 2, 1], { unseenCount: 1 }));
    assert.equal(list.unseenCount, 1);
    const { unseenCount, ...old } = list.toStored() as Page;
    assert.equal(unseenCount, 1);
    list.load(old as Page);
    assert.equal(list.unseenCount, 3);
  });

  test("is undefined while a filter hides a part, and when the list is too long", () => {
    const filtered = new InboxList({ ...EVERYTHING, unreadOnly: true });
    filtered.load(page(1, [1]));
    const long = new InboxList();
    long.load(page(201, Array.from({ length: 201 }, (_, index) => 201 - index)));
    assert.deepEqual([filtered.toStored(), long.toStored(), new InboxList().toStored()], [undefined, undefined, undefined]);
  });

  for (const text of [null, "", "{", "null", "[]", '{"version":0}', '{"version":1,"notifications":[]}']) {
    test(`is refused if it is ${text}`, () => assert.equal(restore(text), undefined));
  }
});

test("ids are compared as integers", () => {
  assert.equal(isNewer("10", "9"), true);
  assert.equal(isNewer("9", "10"), false);
  assert.equal(isNewer("9007199254740993", "9007199254740992"), true);
  assert.equal(isNewer("7", "7"), false);
});
