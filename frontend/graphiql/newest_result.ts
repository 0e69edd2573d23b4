/**
 * Results that are pushed, and of which the newest is read in each frame: GraphiQL shows one at a time, and takes 7 ms to show
 * it. All of them are in the event log.
 */

export class NewestResult<Result> implements AsyncIterableIterator<Result> {
  private newest: Result | undefined;
  private isOver = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  /** `onReturn` is called when the reader wants no more. */
  constructor(private readonly onReturn: () => void) {}

  push(result: Result): void {
    if (this.isOver) return;
    this.newest = result;
    this.wake();
  }

  finish(): void {
    this.isOver = true;
    this.wake();
  }

  fail(error: Error): void {
    this.failure = error;
    this.finish();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Result, undefined>> {
    for (;;) {
      if (this.newest !== undefined) {
        await new Promise(requestAnimationFrame);
        const value = this.newest;
        this.newest = undefined;
        return { done: false, value };
      }
      const { failure } = this;
      this.failure = undefined;
      if (failure) throw failure;
      if (this.isOver) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async return(): Promise<IteratorResult<Result, undefined>> {
    if (!this.isOver) {
      this.finish();
      this.onReturn();
    }
    return { done: true, value: undefined };
  }
}
