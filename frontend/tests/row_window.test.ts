import assert from "node:assert/strict";
import { test } from "node:test";
import { RowWindow, WHOLE } from "../inbox/row_window.js";

const keys = Array.from({ length: 1_000 }, (_, at) => String(at));

test("a short list is whole", () => {
  const range = new RowWindow().range(keys.slice(0, WHOLE), 0, 500, -1);
  assert.deepEqual(range, { start: 0, end: WHOLE, above: 0, below: 0 });
});

test("of a long list, the part that is seen is there, with as many pixels around it as are missing", () => {
  const window = new RowWindow();
  for (const key of keys) window.measured(key, 50);
  const range = window.range(keys, 20_000, 20_600, -1);
  assert.ok(range.start < 400 && range.end > 412 && range.end - range.start < 100);
  assert.deepEqual([range.above, range.below], [range.start * 50, (1_000 - range.end) * 50]);
});

test("beyond the end there is the end", () => {
  const { start, end, below } = new RowWindow().range(keys, 1e9, 1e9 + 600, -1);
  assert.deepEqual([start, end, below], [999, 1_000, 0]);
});

test("an entry that is kept is there wherever the list is seen", () => {
  const { start, end } = new RowWindow().range(keys, 50_000, 50_600, 500);
  assert.ok(start <= 500 && end > 500);
});

test("heights of entries that are gone are forgotten", () => {
  const window = new RowWindow();
  for (const key of keys) window.measured(key, 10);
  window.prune(keys.slice(0, 150));
  assert.equal(window.offset(keys, 150), 1_500);
  assert.ok(window.offset(keys, 151) - 1_500 > 0 && window.offset(keys, 152) - window.offset(keys, 151) !== 10);
});
