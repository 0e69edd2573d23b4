/** `live-inbox/documents`: a typed document of each operation, and the types of interfaces for Apollo's cache. */

export * from "../../../client/documents.js";
export type { TypedDocument } from "../../../client/typed_document.js";
