import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_REACTIONS, reactionTo } from "../client/error_codes.js";
import graphqlPage from "../../docs/graphql.md";

const error = (code: unknown): unknown => ({ message: "", extensions: { code } });

test("every error code of docs/graphql.md, and no other, has the reaction of its table", () => {
  const section = graphqlPage.split(/^## /m).find((each) => each.startsWith("Errors\n")) ?? "";
  const codes = [...section.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual(codes.sort(), Object.keys(ERROR_REACTIONS).sort());
  for (const [code, reaction] of Object.entries(ERROR_REACTIONS)) assert.equal(reactionTo([error(code)]), reaction, code);
});

test("errors that pass by themselves are retried", () => {
  for (const code of ["INTERNAL_SERVER_ERROR", "RATE_LIMITED", "SERVICE_UNAVAILABLE"]) {
    assert.equal(reactionTo([error(code)]), "retry", code);
  }
});

test("errors about the operation, and unknown ones, stop the subscription", () => {
  for (const code of ["BAD_USER_INPUT", "FORBIDDEN", "GRAPHQL_VALIDATION_FAILED", "NEW_CODE", "toString", 7]) {
    assert.equal(reactionTo([error(code)]), "stop", String(code));
  }
  assert.equal(reactionTo([{ message: "no extensions" }]), "stop");
  assert.equal(reactionTo([]), "stop");
});

test("of several errors, a missing sign-in decides, then one that may pass", () => {
  const [refused, busy, final] = [error("UNAUTHENTICATED"), error("RATE_LIMITED"), error("NOT_FOUND")];
  assert.equal(reactionTo([final, busy, refused]), "renew");
  assert.equal(reactionTo([final, busy]), "retry");
});
