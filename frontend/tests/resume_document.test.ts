import assert from "node:assert/strict";
import { test } from "node:test";
import { receivesAll, resumedAfter } from "../graphiql/resume_document.js";

const compact = (text: string): string => text.replace(/\s+/g, " ").trim();

test("a subscription without `after` gets it", () => {
  const { query } = resumedAfter({ query: "subscription Live { notificationEvents { position } }", variables: {} }, "e.7");
  assert.equal(compact(query), 'subscription Live { notificationEvents(after: "e.7") { position } }');
});

test("a variable of `after` has the position", () => {
  const query = "subscription Resume($a: String!, $t: [String!]) { notificationEvents(after: $a, types: $t) { position } }";
  const resumed = resumedAfter({ query, variables: { a: "0", t: ["x"] } }, "e.7");
  assert.deepEqual([compact(resumed.query), resumed.variables], [query, { a: "e.7", t: ["x"] }]);
});

test("a literal of `after` is replaced", () => {
  const query = 'subscription { events: notificationEvents(after: "0", types: ["x"]) { position } }';
  assert.match(compact(resumedAfter({ query, variables: {} }, "e.7").query), /types: \["x"\], after: "e\.7"/);
});

test("an operation with `types` does not receive all", () => {
  assert.equal(receivesAll("subscription { notificationEvents { position } }"), true);
  assert.equal(receivesAll('subscription { notificationEvents(types: ["x"]) { position } }'), false);
});
