import { NotificationInbox } from "live-inbox-react";
import { connection } from "next/server";
import type { ReactElement } from "react";
import { GRAPHQL, demoToken } from "./inbox_server";
import { List } from "./list";

/** A server component: the hook is in a client component, and the element may stand here, for its props are no functions. */
export default async function Page(): Promise<ReactElement> {
  // Not when it is built: each request gets a token.
  await connection();
  return (
    <main>
      <h1>Live inbox in Next</h1>
      <List url={GRAPHQL} />
      <NotificationInbox endpoint={GRAPHQL} token={await demoToken()} inline label="The element" />
    </main>
  );
}
