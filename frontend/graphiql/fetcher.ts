/** How GraphiQL reaches the server: HTTP for queries and mutations, a socket for each subscription. */

import type { Fetcher, FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { type ExecutionResult, Kind, type OperationDefinitionNode, OperationTypeNode, parse } from "graphql";
import { createClient } from "graphql-ws";
import { socketAddress } from "../inbox/source.js";
import type { Session } from "./session.js";

/** What became of a subscription, for people. */
export type Told = (news: { text: string; isFault: boolean }) => void;

export function makeFetcher(endpoint: string, session: Session, tell: Told): Fetcher {
  return (given, options) => {
    const operation = operationOf(given);
    const params = { ...given, operationName: operation?.name?.value ?? given.operationName };
    return operation?.operation === OperationTypeNode.SUBSCRIPTION
      ? subscribe(endpoint, session, tell, params, options)
      : post(endpoint, session, params, options);
  };
}

/**
 * The operation that is to be run. Found in the text: right after a change of tabs, the document and the name
 * that GraphiQL has at hand are those of the other tab.
 */
function operationOf({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined {
  try {
    const { definitions } = parse(query);
    const operations = definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
    const named = operations.find((each) => each.name?.value === operationName);
    return named ?? (operations.length === 1 ? operations[0] : undefined);
  } catch {
    return undefined; // The server says better than we what is wrong with it.
  }
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

async function* subscribe(
  endpoint: string,
  session: Session,
  tell: Told,
  params: FetcherParams,
  options: FetcherOpts | undefined,
) {
  let refused = false;
  let position: string | undefined;
  const client = createClient({
    url: socketAddress(endpoint),
    connectionParams: async () => ({ ...(await session.headers(refused)), ...options?.headers }),
    // No more: here people want to see that, and why, a subscription has ended.
    retryAttempts: session.caller.kind === "demo" ? 1 : 0,
    retryWait: async () => undefined,
    shouldRetry: (close) => {
      // A demo user's token may have expired since it was fetched: once, with another, before anything came.
      refused = (close as CloseEvent).code === 4403 && position === undefined;
      return refused;
    },
    keepAlive: 10_000,
  });
  tell({ text: "Subscription: connecting…", isFault: false });
  client.on("connected", () => tell({ text: "Subscription: live", isFault: false }));
  const events = client.iterate({
    query: params.query,
    variables: params.variables as Record<string, unknown>,
    operationName: params.operationName,
  });
  try {
    for await (const result of events) {
      const event = Object.values(result.data ?? {})[0] as { position?: string } | undefined;
      position = event?.position ?? position;
      yield result as ExecutionResult;
    }
    tell({ text: `Subscription ended: the server completed it.${resumption(position)}`, isFault: false });
  } catch (error) {
    const reason = reasonOf(error);
    tell({ text: `Subscription ended: ${reason}${resumption(position)}`, isFault: true });
    throw new Error(`The subscription ended: ${reason}${resumption(position)}`);
  } finally {
    await client.dispose();
  }
}

function reasonOf(error: unknown): string {
  if (Array.isArray(error)) return error.map(({ message }: { message: string }) => message).join(" ");
  if (error instanceof Error) return error.message;
  const { code, reason } = error as { code?: number; reason?: string };
  if (code === undefined) return "the connection was lost.";
  return `${code}${reason ? ` ${reason}` : ""}.`;
}

function resumption(position: string | undefined): string {
  return position === undefined ? "" : ` To resume, subscribe after "${position}".`;
}
