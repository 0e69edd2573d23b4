/** Makes of a subscription the one that goes on after a position. */

import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  visit,
} from "graphql";

export interface Operation {
  query: string;
  variables: Record<string, unknown>;
}

/** Whether the operation receives every event of the inbox, and not those of some types only. */
export function receivesAll(query: string): boolean {
  let isComplete = true;
  visit(parse(query), {
    Field: (field) => {
      if (isEvents(field) && field.arguments?.some(({ name }) => name.value === "types")) isComplete = false;
    },
  });
  return isComplete;
}

/** Return the operation with `after` set to the position, whether it has the argument or not. */
export function resumedAfter({ query, variables }: Operation, position: string): Operation {
  const changed = { ...variables };
  const document: DocumentNode = visit(parse(query), {
    Field: (field) => {
      if (!isEvents(field)) return undefined;
      const given = field.arguments?.find(({ name }) => name.value === "after");
      if (given?.value.kind === Kind.VARIABLE) {
        changed[given.value.name.value] = position;
        return undefined;
      }
      const others = (field.arguments ?? []).filter((each) => each !== given);
      const after = {
        kind: Kind.ARGUMENT,
        name: { kind: Kind.NAME, value: "after" },
        value: { kind: Kind.STRING, value: position },
      } as const;
      return { ...field, arguments: [...others, after] };
    },
  });
  return { query: print(document), variables: changed };
}

/** Return the operation of a document that is to run, if it is clear which. */
export function operationOf(query: string, name: string | null | undefined): OperationDefinitionNode | undefined {
  try {
    const { definitions } = parse(query);
    const operations = definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
    const named = operations.find((each) => each.name?.value === name);
    return named ?? (operations.length === 1 ? operations[0] : undefined);
  } catch {
    return undefined; // The server's syntax error says what is wrong.
  }
}

function isEvents({ name }: FieldNode): boolean {
  return name.value === "notificationEvents";
}
