/** `live-inbox`: the client. It needs nothing of a browser but WebSockets, and runs in Node and React Native as well. */

export * from "../../../client/index.js";
