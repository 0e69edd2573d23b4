import assert from "node:assert/strict";
import { test } from "node:test";
import { EventLog } from "../graphiql/event_log.js";

const event = (sequence: number, typename = "NotificationAdded") => ({ __typename: typename, position: `e.${sequence}` });

function logged(...events: ReturnType<typeof event>[]): EventLog {
  const log = new EventLog();
  for (const each of events) log.append(each, true);
  return log;
}

test("events one after the other are complete", () => {
  assert.deepEqual(logged(event(7), event(8), event(9)).checked, { events: 3, missing: 0, repeated: 0 });
});

test("a gap is reported with its size", () => {
  const log = logged(event(7), event(10));
  assert.deepEqual(log.checked, { events: 2, missing: 2, repeated: 0 });
  assert.deepEqual(log.entries.map(({ text, kind }) => (kind === "fault" ? text : kind)), ["event", "2 events are missing.", "event"]);
});

test("an event that comes again is reported", () => {
  assert.deepEqual(logged(event(7), event(8), event(8)).checked, { events: 3, missing: 0, repeated: 1 });
});

test("a reset and an advance leave numbers out on purpose", () => {
  const log = logged(event(7), event(20, "InboxReset"), event(30, "PositionAdvanced"), event(31));
  assert.deepEqual(log.checked, { events: 4, missing: 0, repeated: 0 });
});

test("an operation that leaves types out has no gaps", () => {
  const log = new EventLog();
  for (const sequence of [1, 5]) log.append(event(sequence), false);
  assert.equal(log.checked.missing, 0);
});

test("only the latest entries are kept", () => {
  const log = logged(...Array.from({ length: 600 }, (_, at) => event(at + 1)));
  assert.deepEqual([log.entries.length, log.checked.events, log.entries.at(-1)?.sequence], [500, 600, 600]);
});

test("what came between a resume and the head was missed", () => {
  const log = logged(event(7));
  log.resume();
  log.append(event(8), true);
  log.markMissed("e.9");
  log.append(event(9), true);
  log.append(event(10), true);
  assert.deepEqual(log.entries.map(({ isResumed }) => isResumed), [false, true, true, false]);
});
