/** Keeping the list in this browser, so that it is there at once after a reload, and resumes. */

import { EVERYTHING, type InboxList, type Kept, restore, sameFilter } from "./list.js";

const AFTER_MS = 150;

export class Keeping {
  private due: ReturnType<typeof setTimeout> | undefined;

  /** Nothing is kept without a name. `current` is asked for the list when it is time to write. */
  constructor(
    private readonly name: () => string | null,
    private readonly current: () => InboxList,
  ) {}

  /** Return what was kept under the name. */
  read(): Kept | undefined {
    return restore(this.storage((storage, key) => storage.getItem(key)) ?? null);
  }

  /** Write soon: what happens in quick succession is written once. */
  soon(): void {
    if (this.name() !== null) this.due ??= setTimeout(this.now, AFTER_MS);
  }

  /** Write now what is due, if anything is. */
  readonly now = (): void => {
    if (this.due === undefined) return;
    clearTimeout(this.due);
    this.due = undefined;
    const list = this.current();
    // A part of the list is not kept, and does not replace the whole that was.
    if (!sameFilter(list.filter, EVERYTHING)) return;
    const kept = list.keep();
    this.storage((storage, key) => {
      if (kept) storage.setItem(key, JSON.stringify(kept));
      else storage.removeItem(key);
    });
  };

  /** Reach this browser's storage, which may be switched off or full: then nothing is kept. */
  private storage<Result>(use: (storage: Storage, key: string) => Result): Result | undefined {
    const name = this.name();
    if (name === null) return undefined;
    try {
      return use(localStorage, `notification-inbox:${name}`);
    } catch {
      return undefined;
    }
  }
}
