/** Return the WebSocket address of an endpoint, which may be a path or an http(s) address. */
export function socketAddress(endpoint: string): string {
  const url = new URL(endpoint, document.baseURI);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.hash = "";
  return url.href;
}
