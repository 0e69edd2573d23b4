/** Reading event streams, however the network cuts them into pieces. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readEvents, type StreamEvent } from "../client/event_stream.js";

const TEXT = ':\n\nid: 1.2\n\nevent: next\nid: 1.3\ndata: {"title":"ü: 1"}\n\n:\n\nretry: 5\n\nevent: complete\ndata: \n\n';
const EXPECTED: StreamEvent[] = [
  { event: "next", data: '{"title":"ü: 1"}' },
  { event: "complete", data: "" },
];

async function read(text: string, size: number): Promise<StreamEvent[]> {
  const bytes = new TextEncoder().encode(text);
  const events: StreamEvent[] = [];
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  await readEvents(
    body,
    (event) => events.push(event),
    () => {
      pieces += 1;
    },
  );
  assert.equal(pieces, Math.ceil(bytes.length / size));
  return events;
}

test("in pieces of any size, with either end of lines", async () => {
  for (const text of [TEXT, TEXT.replaceAll("\n", "\r\n")])
    for (let size = 1; size <= text.length; size++) assert.deepEqual(await read(text, size), EXPECTED);
});

test("what has no end is no event", async () => {
  assert.deepEqual(await read("event: next\ndata: 1", 4), []);
  assert.deepEqual(await read("data: 1\ndata: 2\n\n", 4), [{ event: "message", data: "1\n2" }]);
});
