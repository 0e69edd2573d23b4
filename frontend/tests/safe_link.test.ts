import assert from "node:assert/strict";
import { test } from "node:test";
import { safeLink } from "../inbox/safe_link.js";

for (const link of ["/", "/orders/7?x=1#y", "https://example.com/a", "http://example.com:8080/"]) {
  test(`${link} may be followed`, () => assert.equal(safeLink(link), link));
}

const REFUSED = [
  "javascript:alert(1)",
  "JAVASCRIPT:alert(1)",
  "java\tscript:alert(1)",
  " javascript:alert(1)",
  "\u0001javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:x",
  "blob:https://example.com/x",
  "//evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "orders/7",
  "https://",
  "",
  null,
  undefined,
];

for (const link of REFUSED) {
  test(`${JSON.stringify(link)} may not be followed`, () => assert.equal(safeLink(link), null));
}
