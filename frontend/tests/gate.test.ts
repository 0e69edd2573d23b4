import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "../client/gate.js";

function gateAt(clock: { now: number }, random: number): Gate {
  return new Gate({
    firstMs: 1_000,
    longestMs: 30_000,
    goodAfterMs: 5_000,
    random: () => random,
    now: () => clock.now,
  });
}

function waits(gate: Gate, times: number): number[] {
  const seen = Array.from({ length: times }, () => gate.lost());
  gate.openNow();
  return seen;
}

test("waits double up to the longest, spread over their upper half", () => {
  assert.deepEqual(waits(gateAt({ now: 0 }, 0), 7), [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.deepEqual(waits(gateAt({ now: 0 }, 1), 7), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
});

test("waits are short again after a connection that lasted", () => {
  const clock = { now: 0 };
  const gate = gateAt(clock, 1);
  waits(gate, 4);
  gate.connected();
  clock.now = 5_000;
  assert.equal(gate.lost(), 1000);
  gate.openNow();
});

test("waits stay long after a connection that did not last", () => {
  const clock = { now: 0 };
  const gate = gateAt(clock, 1);
  waits(gate, 4);
  gate.connected();
  clock.now = 4_999;
  assert.equal(gate.lost(), 16000);
  gate.openNow();
});

test("an open gate lets pass at once, a shut one when it is opened", async () => {
  const gate = gateAt({ now: 0 }, 1);
  await gate.pass();
  gate.lost();
  let passed = false;
  const passing = gate.pass().then(() => {
    passed = true;
  });
  await Promise.resolve();
  assert.equal(passed, false);
  gate.openNow();
  await passing;
});
