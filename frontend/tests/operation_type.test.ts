import assert from "node:assert/strict";
import { test } from "node:test";
import { operationType } from "../client/operation_type.js";

const CASES: [string, string][] = [
  ["query", "{ viewer { id } }"],
  ["query", "query Q($subscription: ID) { node(id: $subscription) { id } }"],
  ["query", "  # subscription S { a }\n query { subscription }"],
  ["query", "fragment subscription on mutation { a } { a ...subscription }"],
  ["query", "fragment F on T @d(a: {b: [{}]}, c: \"subscription S {\") { a(b: {c: 1}) { d } } query { a }"],
  ["query", ""],
  ["subscription", "subscription{a}"],
  ["subscription", "fragment F on NotificationAdded{position}subscription S($after:String){a(after:$after){...F}}"],
  ["subscription", "fragment F on T { a } fragment G on T { b }\n\nsubscription { c }"],
  ["subscription", '"""mutation {""" subscription { c }'],
  ["subscription", 'fragment F on T { a(b: """ \\""" } mutation M { """) } subscription { c }'],
  ["mutation", "# query\nmutation { markRead(id: 1) { position } }"],
  ["mutation", "fragment F on P { position } mutation M { markRead(id: 1) { ...F } }"],
];

for (const [expected, text] of CASES) {
  test(`${expected}: ${JSON.stringify(text)}`, () => assert.equal(operationType(text), expected));
}
