/** Return the WebSocket address of an endpoint: an http(s) or ws(s) address or, on a page, a path. */
export function socketAddress(endpoint: string): string {
  // Not by URL where it can be avoided: that of React Native cannot change its protocol.
  const address = /^(?:http|ws)s?:/.test(endpoint) ? endpoint : new URL(endpoint, document.baseURI).href;
  return address.replace(/^http/, "ws").replace(/#.*/, "");
}
