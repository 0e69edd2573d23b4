/** What the user has changed here and the server has not confirmed yet, laid over the list. No DOM, no network. */

import { isApplied, type Notification } from "../client/index.js";
import type { InboxList } from "./list.js";

/** A change of one notification, or of all that `covers` returns true for. */
export interface PendingChange {
  readonly effect: "read" | "unread" | "pin" | "unpin" | "remove";
  covers(notification: Notification): boolean;
  /** The ids of single notifications that it is about, for the sign that they are on their way. */
  readonly ids: readonly string[];
  /** By how much it changes the number of unread notifications. */
  readonly unreadDelta: number;
  /** The server has made the change: it is over as soon as the list has reached this position. */
  donePosition?: string | undefined;
  isDone?: boolean;
  readonly changed: WeakMap<Notification, Notification>;
}

export class PendingChanges {
  private readonly changes = new Set<PendingChange>();

  /** How many changes the server has not made yet. */
  get count(): number {
    return [...this.changes].filter(({ isDone }) => !isDone).length;
  }

  add(change: Omit<PendingChange, "changed">): PendingChange {
    const added = { ...change, changed: new WeakMap<Notification, Notification>() };
    this.changes.add(added);
    return added;
  }

  drop(change: PendingChange): void {
    this.changes.delete(change);
  }

  /** The server has made a change. Its position may be unknown: then the list has it already. */
  done(change: PendingChange, position: string | undefined): void {
    change.isDone = true;
    change.donePosition = position;
  }

  /** Drop the changes that the list has received as events. */
  settle(reached: string | undefined): void {
    for (const change of this.changes) {
      const { isDone, donePosition } = change;
      if (isDone && (donePosition === undefined || isApplied(donePosition, reached))) this.drop(change);
    }
  }

  /** Whether a change of this notification is being sent. */
  isSending(id: string): boolean {
    return [...this.changes].some((change) => !change.isDone && change.ids.includes(id));
  }

  /** Return the notifications as they are with all changes made. Those without a change are the same objects. */
  applyTo(list: InboxList): readonly Notification[] {
    const all = list.all();
    if (this.changes.size === 0) return all;
    const found: Notification[] = [];
    for (const each of all) {
      let notification: Notification | undefined = each;
      for (const change of this.changes) {
        if (notification && change.covers(notification)) notification = changed(change, notification);
      }
      if (notification && (notification === each || list.matches(notification))) found.push(notification);
    }
    return found;
  }

  /** Return the number of unread notifications with all changes made. */
  unreadCount(list: InboxList): number {
    let count = list.unreadCount;
    for (const { unreadDelta } of this.changes) count += unreadDelta;
    return Math.max(0, count);
  }
}

function changed(change: PendingChange, notification: Notification): Notification | undefined {
  if (change.effect === "remove") return undefined;
  const isPin = change.effect.endsWith("pin");
  const value = change.effect === (isPin ? "pin" : "read");
  if (notification[isPin ? "pinned" : "read"] === value) return notification;
  const known = change.changed.get(notification);
  if (known) return known;
  const patch = isPin ? { pinned: value } : { read: value, readAt: value ? new Date().toISOString() : null };
  const made = { ...notification, ...patch };
  change.changed.set(notification, made);
  return made;
}
