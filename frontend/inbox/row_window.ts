/** Which entries of a long list are in the document: those near the part that is on the screen. No DOM. */

/** Up to so many entries are all in the document. */
export const WHOLE = 100;

/** Pixels above and below the screen that are in the document as well. */
const MARGIN = 1_500;

/** The height of an entry that was never measured, in pixels. */
const USUAL_HEIGHT = 84;

export interface Range {
  /** The first entry in the document, and the one after the last. */
  start: number;
  end: number;
  /** Pixels of the entries above and below. */
  above: number;
  below: number;
}

export class RowWindow {
  private readonly heights = new Map<string, number>();

  /** Remember how high an entry is. */
  measured(key: string, height: number): void {
    if (height > 0) this.heights.set(key, height);
  }

  /** Forget all heights: the list has another width. */
  forget(): void {
    this.heights.clear();
  }

  /** Forget the heights of entries that no longer exist, once there are many. */
  prune(keys: readonly string[]): void {
    if (this.heights.size <= 2 * keys.length + WHOLE) return;
    const known = new Set(keys);
    for (const key of this.heights.keys()) if (!known.has(key)) this.heights.delete(key);
  }

  /** Return how far below the top of the list the entry at `at` begins, in pixels. */
  offset(keys: readonly string[], at: number): number {
    return keys.slice(0, at).reduce((sum, key) => sum + (this.heights.get(key) ?? USUAL_HEIGHT), 0);
  }

  /** Return the range for the pixels from `top` to `bottom` of the list. It contains the entry at `kept`, if any. */
  range(keys: readonly string[], top: number, bottom: number, kept: number): Range {
    if (keys.length <= WHOLE) return { start: 0, end: keys.length, above: 0, below: 0 };
    let offset = 0;
    let start = keys.length;
    let end = keys.length;
    const tops: number[] = [];
    for (const [at, key] of keys.entries()) {
      tops.push(offset);
      offset += this.heights.get(key) ?? USUAL_HEIGHT;
      if (start === keys.length && offset > top - MARGIN) start = at;
      if (end === keys.length && offset > bottom + MARGIN) end = at + 1;
    }
    start = Math.min(start, keys.length - 1);
    if (kept >= 0) {
      start = Math.min(start, kept);
      end = Math.max(end, kept + 1);
    }
    return { start, end, above: tops[start] ?? 0, below: offset - (tops[end] ?? offset) };
  }
}
