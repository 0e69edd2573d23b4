import assert from "node:assert/strict";
import { test } from "node:test";
import { isApplied, sequenceOf } from "../client/position.js";

test("an event is applied if the client is at it or beyond it in the same epoch", () => {
  assert.equal(isApplied("e.4", "e.5"), true);
  assert.equal(isApplied("e.5", "e.5"), true);
  assert.equal(isApplied("e.6", "e.5"), false);
  assert.equal(isApplied("e.10", "e.9"), false);
});

test("no event is applied without a position, at the origin, or in another epoch", () => {
  assert.equal(isApplied("e.1", undefined), false);
  assert.equal(isApplied("e.1", "0"), false);
  assert.equal(isApplied("e.1", "f.9"), false);
  assert.equal(isApplied("0", "0"), true);
});

test("sequences beyond what a double holds exactly are compared exactly", () => {
  assert.equal(isApplied("e.9007199254740993", "e.9007199254740992"), false);
});

test("a text that is no position equals only itself", () => {
  assert.equal(isApplied("e.x", "e.x"), true);
  assert.equal(isApplied("e.x", "e.y"), false);
});

test("two events with one sequence are told apart by their fingerprints, if both are known", () => {
  assert.equal(isApplied("e.5.1", "e.5.1"), true);
  assert.equal(isApplied("e.5.1", "e.5.2"), false);
  assert.equal(isApplied("e.4.1", "e.5.2"), true);
  assert.equal(isApplied("e.6.1", "e.5.1"), false);
  assert.equal(isApplied("e.5", "e.5.2"), true);
  assert.equal(isApplied("e.5.1", "e.5"), true);
  assert.equal(isApplied("7.5.1", "7.5.1"), true);
});

test("the sequence is what follows the epoch", () => {
  assert.equal(sequenceOf("a1.17"), 17);
  assert.equal(sequenceOf("a1.17.123456789"), 17);
  assert.equal(sequenceOf("7.17"), 17);
  assert.equal(sequenceOf("0"), 0);
});
