/** GraphiQL's transport: HTTP for queries and mutations, a socket for each subscription. */

import type { Fetcher, FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { type ExecutionResult, Kind, type OperationDefinitionNode, OperationTypeNode, parse } from "graphql";
import { createClient } from "graphql-ws";
import { socketAddress } from "../inbox/socket_address.js";
import type { Session } from "./session.js";

/** The state of a subscription, for display. */
export interface SubscriptionStatus {
  text: string;
  isError: boolean;
}

export type ReportStatus = (status: SubscriptionStatus) => void;

export function makeFetcher(endpoint: string, session: Session, report: ReportStatus): Fetcher {
  return (received, options) => {
    const operation = operationOf(received);
    const params = { ...received, operationName: operation?.name?.value ?? received.operationName };
    return operation?.operation === OperationTypeNode.SUBSCRIPTION
      ? subscribe(endpoint, session, report, params, options)
      : post(endpoint, session, params, options);
  };
}

/**
 * Return the operation to run. Found in the document: right after a change of tabs, the operation name that
 * GraphiQL passes may be the other tab's.
 */
function operationOf({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined {
  try {
    const { definitions } = parse(query);
    const operations = definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
    const named = operations.find((each) => each.name?.value === operationName);
    return named ?? (operations.length === 1 ? operations[0] : undefined);
  } catch {
    return undefined; // The server's syntax error says what is wrong.
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
  report: ReportStatus,
  params: FetcherParams,
  options: FetcherOpts | undefined,
) {
  let refused = false;
  let position: string | undefined;
  const client = createClient({
    url: socketAddress(endpoint),
    connectionParams: async () => ({ ...(await session.headers(refused)), ...options?.headers }),
    // No more than that: here users want to see that a subscription has ended, and why.
    retryAttempts: session.caller.kind === "demo" ? 1 : 0,
    retryWait: async () => undefined,
    shouldRetry: (close) => {
      // A demo user's token may have expired since it was fetched: retry once, with a fresh one, before any event.
      refused = (close as CloseEvent).code === 4403 && position === undefined;
      return refused;
    },
    keepAlive: 10_000,
  });
  report({ text: "Subscription: connecting…", isError: false });
  client.on("connected", () => report({ text: "Subscription: live", isError: false }));
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
    report({ text: `Subscription ended: the server completed it.${resumption(position)}`, isError: false });
  } catch (error) {
    const reason = reasonOf(error);
    report({ text: `Subscription ended: ${reason}${resumption(position)}`, isError: true });
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
