/** A parsed document that knows the types of its variables and of its result. */

import { type DocumentNode, parse } from "graphql";

/** As Apollo, urql and graphql-js declare it, so that each of them takes it for its own. */
export interface TypedDocument<Data, Variables> extends DocumentNode {
  __apiType?: (variables: Variables) => Data;
  __ensureTypesOfVariablesAndResultMatching?: (variables: Variables) => Data;
}

export function typedDocument<Data, Variables>(text: string): TypedDocument<Data, Variables> {
  return parse(text);
}
