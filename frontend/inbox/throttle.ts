/** Limits how often something is done. No DOM, no network. */

/** How long a list that is stale waits at least between two readings. */
export const REFRESH_MS = 500;

/** Runs a task when it is requested: one at a time, and at the earliest `everyMs` milliseconds after the last has ended. */
export class Throttle {
  private isBusy = false;
  private isRequested = false;

  constructor(
    private readonly task: () => Promise<void>,
    private readonly everyMs: number,
  ) {}

  /** Run the task, now or as soon as it may. What is requested meanwhile is one run. If it fails, the next request tries again. */
  request(): void {
    this.isRequested = this.isBusy;
    if (this.isBusy) return;
    this.isBusy = true;
    const pause = (): void => {
      setTimeout(() => {
        this.isBusy = false;
        if (this.isRequested) this.request();
      }, this.everyMs);
    };
    this.task().then(pause, pause);
  }

  /** Give up what runs: the source that it asks was stopped, and may never answer. */
  reset(): void {
    this.isBusy = this.isRequested = false;
  }
}
