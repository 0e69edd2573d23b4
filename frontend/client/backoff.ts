/** Exponential backoff with jitter: when the next attempt to connect may begin. No network, only timers. */

export interface BackoffOptions {
  /** The first wait; each further one doubles it. */
  firstMs: number;
  /** The longest wait. */
  longestMs: number;
  /** A connection that lasted this long resets the backoff: the next wait is short again. */
  goodAfterMs: number;
  random?: () => number;
  now?: () => number;
}

/**
 * Lets attempts begin at once until a loss is reported; then after a wait that doubles with every loss. The
 * jitter spreads the wait over its upper half, so that the clients of a restarted server do not all come back
 * in the same instant.
 */
export class Backoff {
  /** Attempts since the last good connection. */
  attempt = 0;
  private connectedAt: number | undefined;
  private waiting: Promise<void> | undefined;
  private endWait: () => void = () => undefined;
  private readonly random: () => number;
  private readonly now: () => number;

  constructor(private readonly options: BackoffOptions) {
    this.random = options.random ?? Math.random;
    this.now = options.now ?? (() => performance.now());
  }

  /** Report that the connection is established. */
  connected(): void {
    this.connectedAt = this.now();
  }

  /** Report that a connection or an attempt has failed; returns the wait before the next one, in ms. */
  lost(): number {
    const { firstMs, longestMs, goodAfterMs } = this.options;
    const lasted = this.connectedAt === undefined ? 0 : this.now() - this.connectedAt;
    this.attempt = lasted >= goodAfterMs ? 1 : this.attempt + 1;
    this.connectedAt = undefined;
    const longest = Math.min(longestMs, firstMs * 2 ** Math.min(this.attempt - 1, 30));
    const waitMs = longest / 2 + (this.random() * longest) / 2;
    this.startWait(waitMs);
    return waitMs;
  }

  /** End the current wait: the network is back, or the user asks for a reconnect. */
  skipWait(): void {
    this.endWait();
  }

  /** Resolve when the next attempt may begin. */
  async wait(): Promise<void> {
    while (this.waiting) await this.waiting;
  }

  private startWait(waitMs: number): void {
    this.endWait();
    const waiting: Promise<void> = new Promise((resolve) => {
      const timer = setTimeout(() => this.endWait(), waitMs);
      this.endWait = () => {
        clearTimeout(timer);
        if (this.waiting === waiting) this.waiting = undefined;
        resolve();
      };
    });
    this.waiting = waiting;
  }
}
