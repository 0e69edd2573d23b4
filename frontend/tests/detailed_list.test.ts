import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Notification, NotificationChange, NotificationEvent } from "../client/index.js";
import { DetailedList } from "../inbox/detailed_list.js";
import { type Conditions, EVERYTHING, InboxList, type Page, sameFilter } from "../inbox/list.js";
import { AT, notification } from "./notifications.js";

const counts = { unreadCount: 5, unseenCount: 5, occurredAt: AT };

function page(sequence: number, notifications: Notification[], hasMore = false): Page {
  const endCursor = `c${notifications.at(-1)?.id ?? ""}`;
  return { notifications, endCursor, hasMore, unreadCount: 5, unseenCount: 5, position: `e.${sequence}` };
}

const added = (sequence: number, notification: Notification): NotificationEvent => ({
  __typename: "NotificationAdded",
  ...{ position: `e.${sequence}`, notification, ...counts },
});
const updated = (sequence: number, change: NotificationChange, notification: Notification): NotificationEvent => ({
  __typename: "NotificationUpdated",
  ...{ position: `e.${sequence}`, change, notification, ...counts },
});

function listOf(conditions: Conditions, ...notifications: Notification[]): DetailedList {
  const list = new DetailedList({ ...EVERYTHING, ...conditions });
  list.show(page(10, notifications));
  return list;
}

const idsOf = (list: InboxList): string => list.notifications.map(({ id }) => id).join(" ");

describe("conditions that events decide", () => {
  const cases: [string, Conditions, Partial<Notification>, Partial<Notification>][] = [
    ["types", { types: ["invoice", "order"] }, { type: "order" }, { type: "general" }],
    ["no types", { types: [] }, {}, { type: "general" }],
    ["priorities", { priorities: ["HIGH", "URGENT"] }, { priority: "URGENT" }, { priority: "LOW" }],
    ["read", { read: true }, { read: true }, { read: false }],
    ["unread", { read: false }, { read: false }, { read: true }],
  ];
  for (const [name, conditions, matching, other] of cases) {
    test(`let in what matches and nothing else: ${name}`, () => {
      const list = listOf(conditions);
      list.apply(added(11, notification(11, other)));
      assert.equal(idsOf(list), "");
      list.apply(added(12, notification(12, matching)));
      assert.equal(idsOf(list), name === "no types" ? "" : "12");
      assert.deepEqual([list.staleFrom, list.isDecidedHere], [undefined, true]);
    });
  }

  test("let out what no longer matches", () => {
    const list = listOf({ priorities: ["HIGH"], read: false }, notification(3, { priority: "HIGH" }));
    list.apply(updated(11, "READ", notification(3, { priority: "HIGH", read: true })));
    assert.equal(idsOf(list), "");
  });

  test("all hold together", () => {
    const list = listOf({ types: ["order"], priorities: ["HIGH"] });
    list.apply(added(11, notification(11, { type: "order" })));
    list.apply(added(12, notification(12, { priority: "HIGH" })));
    list.apply(added(13, notification(13, { type: "order", priority: "HIGH" })));
    assert.equal(idsOf(list), "13");
  });
});

describe("conditions that the server decides", () => {
  test("do not let in what events bring, and make the list stale at its rank", () => {
    for (const conditions of [{ text: "invoice" }, { categories: ["billing"] }, { seen: false }]) {
      const list = listOf(conditions, notification(9));
      list.apply(added(11, notification(11, { title: "invoice" })));
      assert.deepEqual([idsOf(list), list.staleFrom, list.isDecidedHere], ["9", "11", false]);
      list.apply(updated(12, "RESTORED", notification(4)));
      assert.deepEqual([idsOf(list), list.staleFrom], ["9", "4"]);
    }
  });

  test("leave the list right where another condition decides", () => {
    const list = listOf({ text: "invoice", priorities: ["HIGH"] });
    list.apply(added(11, notification(11, { title: "invoice" })));
    assert.deepEqual([idsOf(list), list.staleFrom], ["", undefined]);
  });

  test("are the same after a change of what is in the list, unless its content has changed", () => {
    const list = listOf({ text: "invoice" }, notification(9), notification(8));
    list.apply(updated(11, "READ", notification(9, { read: true })));
    assert.deepEqual([list.notifications[0]?.read, list.staleFrom], [true, undefined]);
    list.apply(updated(12, "EDITED", notification(8, { title: "order" })));
    assert.deepEqual([idsOf(list), list.staleFrom], ["9 8", "8"]);
  });

  test("let out what is archived or deleted at once", () => {
    const list = listOf({ text: "invoice" }, notification(9), notification(8), notification(7));
    list.apply(updated(11, "ARCHIVED", notification(9, { folder: "ARCHIVE" })));
    list.apply({ __typename: "NotificationsDeleted", position: "e.12", notificationIds: ["7"], ...counts });
    assert.deepEqual([idsOf(list), list.staleFrom], ["8", undefined]);
  });

  test("what was seen changes when a list is opened", () => {
    const seen: NotificationEvent = { __typename: "NotificationsSeen", position: "e.11", count: 2, throughRank: "9", ...counts };
    const list = listOf({ seen: false }, notification(9));
    list.apply(seen);
    assert.equal(list.staleFrom, "0");
    const other = listOf({ text: "invoice" }, notification(9));
    other.apply(seen);
    assert.equal(other.staleFrom, undefined);
  });

  test("a bulk change brings what it has read into lists of what is read or seen", () => {
    const all: NotificationEvent = { __typename: "AllNotificationsRead", position: "e.11", count: 2, throughRank: "9", ...counts };
    const some: NotificationEvent = {
      __typename: "NotificationsUpdated",
      ...{ position: "e.11", change: "READ", notificationIds: ["4"], ...counts },
    };
    for (const event of [all, some]) {
      for (const [conditions, expected] of [[{ read: true }, "0"], [{ seen: true }, "0"], [{ read: false }, undefined]] as const) {
        const list = listOf(conditions);
        list.apply(event);
        assert.equal(list.staleFrom, expected);
      }
    }
  });

  test("until the page is read, what was loaded is looked through by the words", () => {
    const inbox = new InboxList();
    inbox.load(page(10, [notification(3, { title: "Invoice", message: "for May" }), notification(2), notification(1, { title: "may" })]));
    assert.equal(idsOf(inbox.filtered({ ...EVERYTHING, text: "may INV" }, DetailedList)), "3");
  });
});

describe("a stale list that is refreshed", () => {
  const long = (): DetailedList => {
    const list = new DetailedList({ ...EVERYTHING, text: "n" });
    list.show(page(10, [notification(9), notification(8)], true));
    list.append(page(10, [notification(5), notification(3)], true));
    list.apply(added(11, notification(11)));
    return list;
  };

  test("keeps what was read below the page", () => {
    const list = long();
    list.refresh(page(11, [notification(11), notification(9)], true));
    assert.deepEqual([idsOf(list), list.endCursor, list.hasMore, list.staleFrom], ["11 9 8 5 3", "c3", true, undefined]);
  });

  test("begins anew if something has changed below the page, or between it and the list", () => {
    const list = long();
    list.apply(updated(12, "RESTORED", notification(4)));
    list.refresh(page(12, [notification(11), notification(9)], true));
    assert.deepEqual([idsOf(list), list.endCursor], ["11 9", "c9"]);
    const other = long();
    other.refresh(page(13, [notification(13), notification(12)], true));
    assert.deepEqual([idsOf(other), other.endCursor], ["13 12", "c12"]);
  });

  test("ends with a page that is all there is", () => {
    const list = long();
    list.refresh(page(11, [notification(9)], false));
    assert.deepEqual([idsOf(list), list.hasMore], ["9", false]);
  });

  test("is stale still if something has come while the page was read", () => {
    const list = long();
    list.apply(added(12, notification(12)));
    list.refresh(page(11, [notification(11), notification(9)], true));
    assert.deepEqual([idsOf(list), list.staleFrom], ["11 9 8 5 3", "12"]);
  });
});

test("filters are the same if their conditions are", () => {
  assert.equal(sameFilter({ ...EVERYTHING, text: "", folder: "INBOX" }, EVERYTHING), true);
  assert.equal(sameFilter({ ...EVERYTHING, types: ["a"] }, { ...EVERYTHING, types: ["a"] }), true);
  for (const conditions of [{ text: "a" }, { types: [] }, { categories: ["a"] }, { priorities: [] }, { read: false }, { seen: true }]) {
    assert.equal(sameFilter({ ...EVERYTHING, ...conditions }, EVERYTHING), false);
  }
});
