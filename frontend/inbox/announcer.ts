/** Announces what arrives to screen readers: a burst is one announcement. */

import { element } from "./dom.js";
import type { Texts } from "./strings.js";

/** So long nothing more has to arrive until it is announced, and so long it waits at most. */
const QUIET_MS = 400;
const LONGEST_MS = 2_000;

const MAX_ANNOUNCEMENTS = 5;

export class Announcer {
  /** A hidden live region: screen readers read it aloud. */
  readonly root = element("div", { class: "sr", role: "log", "aria-live": "polite" });
  private count = 0;
  private title = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private since = 0;

  constructor(
    private readonly texts: () => Texts,
    private readonly onAnnounce: () => void,
  ) {}

  /** A notification with this title has arrived. */
  add(title: string): void {
    const now = performance.now();
    if (this.count === 0) this.since = now;
    this.count += 1;
    this.title = title;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.announce(), Math.min(QUIET_MS, this.since + LONGEST_MS - now));
  }

  private announce(): void {
    const texts = this.texts();
    const { count, title } = this;
    this.count = 0;
    const text = count === 1 ? texts.text("arrived", { title }) : texts.count("arrivedMany", count);
    this.root.append(element("p", {}, text));
    if (this.root.childElementCount > MAX_ANNOUNCEMENTS) this.root.firstElementChild?.remove();
    this.onAnnounce();
  }
}
