/** The line of the panel that shows the state of the connection, what waits for it, or why there is none. */

import type { FollowStatus } from "../client/index.js";
import { element, setAttributes } from "./dom.js";
import { statusText } from "./status_text.js";
import type { Texts } from "./strings.js";

const CAUGHT_UP_SHOWN_MS = 8_000;

export class StatusLine {
  readonly root = element("div", { class: "status", role: "status" });
  private status: FollowStatus = { state: "connecting" };
  private failure: string | undefined;
  private queued = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly texts: () => Texts) {}

  get isLive(): boolean {
    return this.status.state === "live";
  }

  /** Start again with a new source, or with the reason why there is none. */
  reset(failure: string | undefined): void {
    this.failure = failure;
    this.update({ state: "connecting" });
  }

  /** Take a status; it is shown by `render`. That something was caught up is shown for a few seconds only. */
  update(status: FollowStatus): void {
    this.status = status;
    clearTimeout(this.timer);
    if (status.state === "live" && (status.resumed > 0 || status.reloaded)) {
      const settled: FollowStatus = { state: "live", resumed: 0, reloaded: false };
      this.timer = setTimeout(() => {
        this.status = settled;
        this.render();
      }, CAUGHT_UP_SHOWN_MS);
    }
  }

  /** Show a failure from now on, whatever the status. */
  fail(message: string): void {
    this.failure = message;
  }

  /** Show how many changes wait to be sent. */
  setQueued(queued: number): void {
    this.queued = queued;
  }

  render(): void {
    const { failure, status, queued } = this;
    const texts = this.texts();
    let { text, isCaughtUp } =
      failure === undefined ? statusText(status, texts) : { text: failure, isCaughtUp: false };
    if (queued > 0 && !this.isLive) text += ` · ${texts.count("queued", queued)}`;
    setAttributes(this.root, { "data-state": failure === undefined ? status.state : "failed" });
    // Only when the text changes: screen readers read it aloud.
    if (this.root.textContent === text) return;
    this.root.replaceChildren(element("span", { class: isCaughtUp && "caught-up" }, text));
  }
}
