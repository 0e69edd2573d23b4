/** What can be done with one notification: the buttons of its row, and their keys. A new action is one entry here. */

import type { Notification } from "../client/index.js";
import type { IconName } from "./dom.js";
import type { ItemActions } from "./item.js";
import { folderOf } from "./list.js";
import type { Strings } from "./strings.js";

export interface RowAction {
  /** The keys that do it while the row has the focus. */
  readonly keys: readonly string[];
  icon(notification: Notification): IconName;
  label(notification: Notification): keyof Strings;
  /** Whether it needs a source with folders and pins. */
  readonly needsFolders?: boolean;
  /** Whether its button asks for more in a dialog. */
  asks?(notification: Notification): boolean;
  /** Do it; `button` is that of the row. */
  run(actions: ItemActions, notification: Notification, button: HTMLElement): void;
}

export const ROW_ACTIONS: readonly RowAction[] = [
  {
    keys: ["r", "u"],
    icon: ({ read }) => (read ? "dot" : "check"),
    label: ({ read }) => (read ? "markUnread" : "markRead"),
    run: (actions, notification) => actions.toggleRead(notification),
  },
  {
    keys: ["e"],
    icon: (each) => (folderOf(each) === "ARCHIVE" ? "inbox" : "archive"),
    label: (each) => (folderOf(each) === "ARCHIVE" ? "unarchive" : "archive"),
    run: (actions, notification) => actions.archive(notification),
  },
  {
    keys: ["s"],
    icon: (each) => (folderOf(each) === "SNOOZED" ? "inbox" : "clock"),
    label: (each) => (folderOf(each) === "SNOOZED" ? "unsnooze" : "snooze"),
    asks: (each) => folderOf(each) !== "SNOOZED",
    run: (actions, notification, button) => actions.snooze(notification, button),
  },
  {
    keys: ["p"],
    icon: () => "pin",
    label: ({ pinned }) => (pinned ? "unpin" : "pin"),
    run: (actions, notification) => actions.togglePin(notification),
    needsFolders: true,
  },
  {
    keys: ["Delete", "Backspace"],
    icon: () => "trash",
    label: () => "remove",
    run: (actions, notification) => actions.remove(notification),
  },
];
