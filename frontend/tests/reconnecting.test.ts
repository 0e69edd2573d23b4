import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../client/backoff.js";
import { fetchToken, isTokenRefused } from "../client/reconnecting.js";

const makeBackoff = (): Backoff => new Backoff({ firstMs: 2, longestMs: 2, goodAfterMs: 5_000, random: () => 1 });

test("a token that is a string, or missing, is returned as it is", async () => {
  const request = { refresh: () => false, backoff: makeBackoff(), onFailure: () => assert.fail(), isStopped: () => false };
  assert.equal(await fetchToken({ ...request, source: "t" }), "t");
  assert.equal(await fetchToken({ ...request, source: undefined }), undefined);
});

test("a failing token function is called again, and each failure is reported", async () => {
  const failures: unknown[] = [];
  const needs: boolean[] = [];
  const token = await fetchToken({
    source: ({ refresh }) => {
      needs.push(refresh);
      if (needs.length < 3) throw new Error("away");
      return "t";
    },
    refresh: () => true,
    backoff: makeBackoff(),
    onFailure: (details) => failures.push(details),
    isStopped: () => false,
  });
  assert.equal(token, "t");
  assert.deepEqual(needs, [true, true, true]);
  assert.deepEqual(failures, [
    { attempt: 1, waitMs: 2, reason: "away" },
    { attempt: 2, waitMs: 2, reason: "away" },
  ]);
});

test("the attempts end when they are stopped", async () => {
  let isStopped = false;
  const token = await fetchToken({
    source: () => Promise.reject(new Error("away")),
    refresh: () => false,
    backoff: makeBackoff(),
    onFailure: () => {
      isStopped = true;
    },
    isStopped: () => isStopped,
  });
  assert.equal(token, undefined);
});

test("4401 and 4403 refuse the token, other codes do not", () => {
  assert.deepEqual([4401, 4403].map(isTokenRefused), [true, true]);
  assert.deepEqual([1000, 1006, 1012, 4400, 4429].map(isTokenRefused), [false, false, false, false, false]);
});
