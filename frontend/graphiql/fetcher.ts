/** GraphiQL's transport: HTTP for queries and mutations, a socket for the subscription. */

import type { Fetcher, FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { OperationTypeNode } from "graphql";
import type { LiveSubscription } from "./live_subscription.js";
import { operationOf } from "./resume_document.js";
import type { Session } from "./session.js";

export function makeFetcher(endpoint: string, session: Session, live: LiveSubscription): Fetcher {
  return (received, options) => {
    // Found in the document: right after a change of tabs, the name that GraphiQL passes may be the other tab's.
    const operation = operationOf(received.query, received.operationName);
    const params = { ...received, operationName: operation?.name?.value ?? received.operationName };
    return operation?.operation === OperationTypeNode.SUBSCRIPTION
      ? live.start(params, options)
      : post(endpoint, session, params, options);
  };
}

async function post(
  endpoint: string,
  session: Session,
  params: FetcherParams,
  options: FetcherOpts | undefined,
): Promise<object> {
  const request = async (refresh: boolean): Promise<Response> =>
    fetch(endpoint, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json;q=0.9",
        ...(await session.headers(refresh)),
        ...options?.headers,
      },
      body: JSON.stringify(params),
    });
  let response = await request(false);
  if (response.status === 401 && session.caller.kind === "demo") response = await request(true);
  return (await response.json()) as object;
}
