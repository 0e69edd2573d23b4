/**
 * Positions: what a client stores to resume. The text is `<epoch>.<sequence>.<fingerprint>`; an epoch is opaque,
 * and within one epoch the sequence grows by one with every change of the inbox. The fingerprint tells the event
 * from another one with that sequence, in a database that was restored; it may be absent. `"0"` is before
 * everything.
 */

interface Parts {
  epoch: string;
  sequence: bigint;
  fingerprint: string | undefined;
}

function parse(position: string): Parts | undefined {
  const [, epoch = "", digits, fingerprint] = /^(?:([0-9a-z]+)\.)?(\d{1,19})(?:\.(\d+))?$/.exec(position) ?? [];
  return digits === undefined ? undefined : { epoch, sequence: BigInt(digits), fingerprint };
}

/**
 * Whether a client at `reached` has already received the event at `position`.
 *
 * Positions of different epochs cannot be compared, nor can different events with one sequence; then the answer is
 * false, which at worst applies an event twice and never drops one.
 */
export function isApplied(position: string, reached: string | undefined): boolean {
  if (reached === undefined) return false;
  const a = parse(position);
  const b = parse(reached);
  if (!a || !b || a.epoch !== b.epoch) return position === reached;
  if (a.sequence !== b.sequence) return a.sequence < b.sequence;
  return !a.fingerprint || !b.fingerprint || a.fingerprint === b.fingerprint;
}

/** The number of an event within its inbox, for display. */
export function sequenceOf(position: string): number {
  return Number(parse(position)?.sequence ?? 0);
}
