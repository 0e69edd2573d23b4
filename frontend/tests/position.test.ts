import assert from "node:assert/strict";
import { test } from "node:test";
import { isSeen, sequenceOf } from "../client/position.js";

test("an event is seen by whoever is at it or beyond it in the same epoch", () => {
  assert.equal(isSeen("e.4", "e.5"), true);
  assert.equal(isSeen("e.5", "e.5"), true);
  assert.equal(isSeen("e.6", "e.5"), false);
  assert.equal(isSeen("e.10", "e.9"), false);
});

test("nothing is seen by whoever has no position, the origin, or one of another epoch", () => {
  assert.equal(isSeen("e.1", undefined), false);
  assert.equal(isSeen("e.1", "0"), false);
  assert.equal(isSeen("e.1", "f.9"), false);
  assert.equal(isSeen("0", "0"), true);
});

test("sequences beyond what a double can hold are told apart", () => {
  assert.equal(isSeen("e.9007199254740993", "e.9007199254740992"), false);
});

test("what is not a position is only equal to itself", () => {
  assert.equal(isSeen("e.x", "e.x"), true);
  assert.equal(isSeen("e.x", "e.y"), false);
});

test("the sequence is what follows the last dot", () => {
  assert.equal(sequenceOf("a.b.17"), 17);
  assert.equal(sequenceOf("0"), 0);
});
