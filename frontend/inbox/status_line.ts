/** The line of the panel that shows the state of the connection, or why there is none. */

import type { FollowStatus } from "../client/index.js";
import { element, setAttributes } from "./dom.js";
import { statusText } from "./status_text.js";

const CAUGHT_UP_SHOWN_MS = 8_000;

export class StatusLine {
  readonly root = element("div", { class: "status", role: "status" });
  private status: FollowStatus = { state: "connecting" };
  private failure: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  get isLive(): boolean {
    return this.status.state === "live";
  }

  /** Start again with a new source, or with the reason why there is none. */
  reset(failure: string | undefined): void {
    this.failure = failure;
    this.update({ state: "connecting" });
  }

  /** Show a status. That something was caught up is shown for a few seconds only. */
  update(status: FollowStatus): void {
    this.status = status;
    clearTimeout(this.timer);
    if (status.state === "live" && (status.resumed > 0 || status.reloaded)) {
      const settled: FollowStatus = { state: "live", resumed: 0, reloaded: false };
      this.timer = setTimeout(() => this.update(settled), CAUGHT_UP_SHOWN_MS);
    }
    this.render();
  }

  /** Show a failure from now on, whatever the status. */
  fail(message: string): void {
    this.failure = message;
    this.render();
  }

  private render(): void {
    const { failure, status } = this;
    const { text, isCaughtUp } =
      failure === undefined ? statusText(status) : { text: failure, isCaughtUp: false };
    setAttributes(this.root, { "data-state": failure === undefined ? status.state : "failed" });
    // Only when the text changes: screen readers read it aloud.
    if (this.root.textContent === text) return;
    this.root.replaceChildren(element("span", { class: isCaughtUp && "caught-up" }, text));
  }
}
