/** Fetch a token of a demo user, which a server in development hands out. In your project, ask your own server. */
export async function demoToken(): Promise<string> {
  const answer = await fetch("/demo-token?user=alice");
  return ((await answer.json()) as { token: string }).token;
}
