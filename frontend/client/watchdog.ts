/** A deadline for the peer's next message. A half-open connection never closes by itself. */

export class Watchdog {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onTimeout: () => void) {}

  /** Start or restart the deadline; calls `onTimeout` once after `withinMs`. */
  start(withinMs: number, onTimeout = this.onTimeout): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(onTimeout, withinMs);
  }

  /** Restart the deadline if it is running. */
  extend(withinMs: number): void {
    if (this.timer !== undefined) this.start(withinMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
