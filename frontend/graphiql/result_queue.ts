/** Results that are pushed and read one by one. */

export class ResultQueue<Result> implements AsyncIterableIterator<Result> {
  private readonly arrived: Result[] = [];
  private isOver = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  /** `onReturn` is called when the reader wants no more. */
  constructor(private readonly onReturn: () => void) {}

  push(result: Result): void {
    if (this.isOver) return;
    this.arrived.push(result);
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
      const value = this.arrived.shift();
      if (value !== undefined) return { done: false, value };
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
