/** Stores the list in this browser, so that it is there at once after a reload, and resumes. */

import { EVERYTHING, type InboxList, restore, type StoredList, sameFilter } from "./list.js";

const DELAY_MS = 150;

export class ListStorage {
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Without a name, nothing is stored. `current` returns the list when it is time to write. */
  constructor(
    private readonly name: () => string | null,
    private readonly current: () => InboxList,
  ) {}

  /** Return what is stored under the name. */
  read(): StoredList | undefined {
    return restore(this.access((storage, key) => storage.getItem(key)) ?? null);
  }

  /** Write after a short delay: changes in quick succession are written once. */
  scheduleWrite(): void {
    if (this.name() !== null) this.timer ??= setTimeout(this.flush, DELAY_MS);
  }

  /** Write now if a write is scheduled. */
  readonly flush = (): void => {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const list = this.current();
    // A filtered list is not stored, and does not replace the whole one.
    if (!sameFilter(list.filter, EVERYTHING)) return;
    const stored = list.toStored();
    this.access((storage, key) => {
      if (stored) storage.setItem(key, JSON.stringify(stored));
      else storage.removeItem(key);
    });
  };

  /** Use this browser's storage. It may be switched off or full: then nothing is stored. */
  private access<Result>(use: (storage: Storage, key: string) => Result): Result | undefined {
    const name = this.name();
    if (name === null) return undefined;
    try {
      return use(localStorage, `notification-inbox:${name}`);
    } catch {
      return undefined;
    }
  }
}
