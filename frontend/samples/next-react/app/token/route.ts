import { demoToken } from "../inbox_server";

/** Gives the page a token. In your project, for the user whose session the request has. */
export async function POST(): Promise<Response> {
  return new Response(await demoToken());
}
