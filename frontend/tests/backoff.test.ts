import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../client/backoff.js";

function backoffAt(clock: { now: number }, random: number): Backoff {
  return new Backoff({
    firstMs: 1_000,
    longestMs: 30_000,
    goodAfterMs: 5_000,
    random: () => random,
    now: () => clock.now,
  });
}

function waits(backoff: Backoff, times: number): number[] {
  const waited = Array.from({ length: times }, () => backoff.lost());
  backoff.skipWait();
  return waited;
}

test("waits double up to the longest, spread over their upper half", () => {
  assert.deepEqual(waits(backoffAt({ now: 0 }, 0), 7), [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.deepEqual(waits(backoffAt({ now: 0 }, 1), 7), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
});

test("waits are short again after a connection that lasted", () => {
  const clock = { now: 0 };
  const backoff = backoffAt(clock, 1);
  waits(backoff, 4);
  backoff.connected();
  clock.now = 5_000;
  assert.equal(backoff.lost(), 1000);
  backoff.skipWait();
});

test("waits stay long after a connection that did not last", () => {
  const clock = { now: 0 };
  const backoff = backoffAt(clock, 1);
  waits(backoff, 4);
  backoff.connected();
  clock.now = 4_999;
  assert.equal(backoff.lost(), 16000);
  backoff.skipWait();
});

test("without a loss there is no wait, and skipping ends the wait", async () => {
  const backoff = backoffAt({ now: 0 }, 1);
  await backoff.wait();
  backoff.lost();
  let isOver = false;
  const waiting = backoff.wait().then(() => {
    isOver = true;
  });
  await Promise.resolve();
  assert.equal(isOver, false);
  backoff.skipWait();
  await waiting;
});
