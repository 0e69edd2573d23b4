/**
 * Follows the notifications of one type on a real server: `node limited_follower.mjs URL TOKEN [broken]`. Prints a line
 * of JSON for everything that it sees; the line `cut` on its input cuts its connection. `broken`: no WebSocket opens.
 */

import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { createResumingClient, follow } from "../client/index.js";

const [url = "", token = "", network = ""] = process.argv.slice(2);
const LIST = "{ notifications(first: 1) { position } }";
const EVENTS = `subscription ($after: String) {
  notificationEvents(after: $after, types: ["approval"]) {
    __typename position unreadCount
    ... on NotificationAdded { notification { title } }
  }
}`;

function print(seen: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

/** Prints after which position a subscription is asked for. */
class PrintingWebSocket extends WebSocket {
  override send(text: string): void {
    const { payload } = JSON.parse(text) as { payload?: { variables?: { after?: string } } };
    const after = payload?.variables?.after;
    if (after !== undefined) print({ after });
    super.send(text);
  }
}

/** As in a network that breaks WebSockets. */
class BrokenWebSocket extends WebSocket {
  constructor(address: string) {
    print({ broken: true });
    super(address.replace("/graphql/", "/no-such-socket/"));
  }
}

const connection = createResumingClient({
  url,
  token,
  webSocketImpl: network === "broken" ? BrokenWebSocket : PrintingWebSocket,
  firstWaitMs: 10,
});
const following = follow(connection, {
  document: EVENTS,
  load: async () => {
    for await (const { data } of connection.iterate({ query: LIST })) {
      return (data as { notifications: { position: string } }).notifications.position;
    }
    throw new Error("There was no answer.");
  },
  apply: (event) =>
    print({
      type: event.__typename,
      position: event.position,
      title: event.__typename === "NotificationAdded" ? event.notification.title : null,
    }),
  status: ({ state }) => print({ state, transport: connection.transport }),
});
const input = createInterface({ input: process.stdin });
input.on("line", () => connection.terminate());
input.on("close", () => {
  following.stop();
  void connection.dispose();
});
