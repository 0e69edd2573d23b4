/** The events of a subscription in the order in which they came, and whether any is missing or came twice. No DOM. */

import { isApplied, sequenceOf } from "../client/index.js";

/** The positions of events as far as an operation selects them. */
export interface LoggedEvent {
  __typename?: string;
  position?: string;
}

export interface Entry {
  readonly key: number;
  /** The number of the event within its inbox, if the operation selects its position. */
  readonly sequence: number | undefined;
  readonly text: string;
  readonly kind: "event" | "note" | "fault";
  /** Whether it was missed, and came after a resume. */
  readonly isResumed: boolean;
}

/** What the log has checked: events that came, numbers that never came, and events that came again. */
export interface Checked {
  events: number;
  missing: number;
  repeated: number;
}

const MAX_ENTRIES = 500;

export class EventLog {
  entries: readonly Entry[] = [];
  checked: Checked = { events: 0, missing: 0, repeated: 0 };
  /** The position of the latest event. */
  position: string | undefined;
  private resumedAfter = 0;
  private missedThrough = 0;
  private key = 0;
  private readonly listeners = new Set<() => void>();

  /** `isComplete`: whether the operation receives every event; with `types`, numbers are left out on purpose. */
  append(event: LoggedEvent, isComplete: boolean): void {
    const { position } = event;
    const sequence = position === undefined ? undefined : sequenceOf(position);
    if (position !== undefined) this.check(event, position, isComplete);
    this.checked = { ...this.checked, events: this.checked.events + 1 };
    const isResumed = sequence !== undefined && sequence <= this.missedThrough;
    this.add({ sequence, text: JSON.stringify(event), kind: "event", isResumed });
  }

  /** The subscription goes on after `position`. */
  resume(): void {
    this.resumedAfter = this.position === undefined ? 0 : sequenceOf(this.position);
  }

  /** Mark what came since the resume, and comes, up to a position: it had happened before. */
  markMissed(through: string): void {
    this.missedThrough = sequenceOf(through);
    this.entries = this.entries.map((entry) => {
      const { sequence = 0 } = entry;
      const isResumed = sequence > this.resumedAfter && sequence <= this.missedThrough;
      return isResumed ? { ...entry, isResumed } : entry;
    });
    this.changed();
  }

  note(text: string): void {
    this.add({ sequence: undefined, text, kind: "note", isResumed: false });
  }

  clear(): void {
    this.entries = [];
    this.checked = { events: 0, missing: 0, repeated: 0 };
    this.changed();
  }

  /** A subscription from another place begins: the number of its first event is checked against nothing. */
  restart(): void {
    this.position = undefined;
    this.missedThrough = 0;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private check({ __typename }: LoggedEvent, position: string, isComplete: boolean): void {
    const before = this.position;
    this.position = position;
    // A reset says itself that what came between is not sent.
    if (before === undefined || __typename === "InboxReset") return;
    if (isApplied(position, before)) {
      this.checked = { ...this.checked, repeated: this.checked.repeated + 1 };
      this.fault(`Event ${sequenceOf(position)} came again.`);
      return;
    }
    const missing = sequenceOf(position) - sequenceOf(before) - 1;
    if (missing <= 0 || !isComplete || __typename === "PositionAdvanced") return;
    this.checked = { ...this.checked, missing: this.checked.missing + missing };
    this.fault(`${missing} ${missing === 1 ? "event is" : "events are"} missing.`);
  }

  private fault(text: string): void {
    this.add({ sequence: undefined, text, kind: "fault", isResumed: false });
  }

  private add(entry: Omit<Entry, "key">): void {
    this.key += 1;
    this.entries = [...this.entries.slice(1 - MAX_ENTRIES), { ...entry, key: this.key }];
    this.changed();
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
