/**
 * Positions: what a client stores to resume. The text is `<epoch>.<sequence>`; an epoch is opaque, and
 * within one epoch the sequence grows by one with every change of the inbox. `"0"` is before everything.
 */

interface Parts {
  epoch: string;
  sequence: bigint;
}

function parse(position: string): Parts | undefined {
  const dot = position.lastIndexOf(".");
  const digits = position.slice(dot + 1);
  if (!/^\d{1,19}$/.test(digits)) return undefined;
  return { epoch: dot < 0 ? "" : position.slice(0, dot), sequence: BigInt(digits) };
}

/**
 * Whether a client at `reached` has already received the event at `position`.
 *
 * Positions of different epochs cannot be compared; then the answer is false, which at worst applies an event
 * twice and never drops one.
 */
export function isApplied(position: string, reached: string | undefined): boolean {
  if (reached === undefined) return false;
  const a = parse(position);
  const b = parse(reached);
  if (!a || !b || a.epoch !== b.epoch) return position === reached;
  return a.sequence <= b.sequence;
}

/** The number of an event within its inbox, for display. */
export function sequenceOf(position: string): number {
  return Number(parse(position)?.sequence ?? 0);
}
