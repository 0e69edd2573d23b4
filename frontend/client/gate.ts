/** When the next attempt to connect may begin: the waiting between attempts, and nothing else. */

export interface GateOptions {
  /** The first wait; each further one doubles it. */
  firstMs: number;
  /** The longest wait. */
  longestMs: number;
  /** A connection that lasted this long was a good one: the next wait is short again. */
  goodAfterMs: number;
  random?: () => number;
  now?: () => number;
}

/**
 * Attempts pass through the gate one by one. It is open until a loss is reported; then it opens again after
 * a wait that doubles with every loss and is spread at random over its upper half, so that the clients of a
 * restarted server do not all come back in the same instant.
 */
export class Gate {
  /** Attempts since the last good connection. */
  attempt = 0;
  private connectedAt: number | undefined;
  private waiting: Promise<void> | undefined;
  private open: () => void = () => undefined;
  private readonly random: () => number;
  private readonly now: () => number;

  constructor(private readonly options: GateOptions) {
    this.random = options.random ?? Math.random;
    this.now = options.now ?? (() => performance.now());
  }

  /** Take note that a connection stands. */
  connected(): void {
    this.connectedAt = this.now();
  }

  /** Take note that a connection, or an attempt, has failed; returns how long the gate stays shut. */
  lost(): number {
    const { firstMs, longestMs, goodAfterMs } = this.options;
    const lasted = this.connectedAt === undefined ? 0 : this.now() - this.connectedAt;
    this.attempt = lasted >= goodAfterMs ? 1 : this.attempt + 1;
    this.connectedAt = undefined;
    const longest = Math.min(longestMs, firstMs * 2 ** Math.min(this.attempt - 1, 30));
    const waitMs = longest / 2 + (this.random() * longest) / 2;
    this.shut(waitMs);
    return waitMs;
  }

  /** Let the waiting attempt pass now: the network has come back, or a person asks. */
  openNow(): void {
    this.open();
  }

  /** Resolve when the next attempt may begin. */
  async pass(): Promise<void> {
    while (this.waiting) await this.waiting;
  }

  private shut(waitMs: number): void {
    this.open();
    const waiting: Promise<void> = new Promise((resolve) => {
      const timer = setTimeout(() => this.open(), waitMs);
      this.open = () => {
        clearTimeout(timer);
        if (this.waiting === waiting) this.waiting = undefined;
        resolve();
      };
    });
    this.waiting = waiting;
  }
}
