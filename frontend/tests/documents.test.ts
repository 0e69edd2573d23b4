/** The typed documents: what Apollo and urql make of their types, and that they are as the server wants them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TypedDocumentNode } from "@apollo/client";
import type { TypedDocumentNode as UrqlDocument } from "@urql/core";
import { print } from "graphql";
import {
  MarkReadDocument,
  type MarkReadPayload,
  NotificationEventsDocument,
  NotificationsDocument,
  possibleTypes,
} from "../client/documents.js";
import type { NotificationEvent } from "../client/schema.js";

test("Apollo and urql know the types of variables and results", () => {
  const apollo: TypedDocumentNode<{ markRead: MarkReadPayload }, { id: string }> = MarkReadDocument;
  const urql: UrqlDocument<{ markRead: MarkReadPayload }, { id: string }> = MarkReadDocument;
  assert.equal(apollo, urql);
  // @ts-expect-error The result is another one.
  const wrong: TypedDocumentNode<{ markRead: number }, { id: string }> = MarkReadDocument;
  assert.equal(wrong, apollo);
  // @ts-expect-error The variable is missing.
  const without: TypedDocumentNode<{ markRead: MarkReadPayload }, { number: string }> = MarkReadDocument;
  assert.equal(without, apollo);
});

test("the documents are parsed, with the fragment that they use", () => {
  assert.match(print(NotificationsDocument), /^query Notifications\(\$first: Int,/);
  assert.match(print(NotificationsDocument), /fragment NotificationFields on Notification \{\n {2}id\n/);
});

test("a subscription can be resumed, and tells its events apart", () => {
  const text = print(NotificationEventsDocument);
  assert.match(text, /\$after: String/);
  assert.match(text, /__typename\n {4}position/);
  const event: NotificationEvent["__typename"] = "InboxReset";
  assert.ok(possibleTypes["NotificationEvent"]?.includes(event));
  assert.deepEqual(possibleTypes["Node"], ["Notification"]);
});
