/** Stores the list in this browser, so that it is there at once after a reload, and resumes. */

import { EVERYTHING, type InboxList, restore, type StoredList, sameFilter } from "./list.js";

const DELAY_MS = 150;

export class ListStorage {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOff = false;

  /** Without a name, nothing is stored. `current` returns the list when it is time to write. */
  constructor(
    private readonly name: () => string | null,
    private readonly current: () => InboxList,
  ) {}

  /** Return what is stored under the name. From then on the list is stored. */
  read(): StoredList | undefined {
    this.isOff = false;
    return restore(this.access((storage, key) => storage.getItem(key)) ?? null);
  }

  /** Write after a short delay: changes in quick succession are written once. */
  scheduleWrite(): void {
    if (this.name() !== null && !this.isOff) this.timer ??= setTimeout(this.flush, DELAY_MS);
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

  /** Remove what is stored under a name, by default the present one, and store nothing more until the next `read`. */
  forget(name: string | null = this.name()): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isOff = true;
    this.access((storage, key) => storage.removeItem(key), name);
  }

  /** Use this browser's storage. It may be switched off or full: then nothing is stored. */
  private access<Result>(
    use: (storage: Storage, key: string) => Result,
    name: string | null = this.name(),
  ): Result | undefined {
    if (name === null) return undefined;
    try {
      return use(localStorage, `notification-inbox:${name}`);
    } catch {
      return undefined;
    }
  }
}
