/** Runs a task before the next frame is drawn, however often it was requested. */

/** Where nothing is drawn, because the page is hidden, frames do not come: after so long it runs anyway. */
const HIDDEN_MS = 500;

export class Frames {
  private cancel: (() => void) | undefined;

  constructor(private readonly task: () => void) {}

  request(): void {
    if (this.cancel) return;
    const run = (): void => {
      this.stop();
      this.task();
    };
    const frame = requestAnimationFrame(run);
    const timer = setTimeout(run, HIDDEN_MS);
    this.cancel = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
