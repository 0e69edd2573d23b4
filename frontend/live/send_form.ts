/** The form that sends notifications. */

import { GraphQLSource } from "../inbox/graphql_source.js";
import type { DemoTokens } from "./demo_tokens.js";
import { availableUsers, type PageFacts, type Person } from "./page_facts.js";

const SEND = /* GraphQL */ `
  mutation Send($input: SendInput!) {
    send(input: $input) { notification { id } suppressed }
  }
`;

const EXAMPLES = [
  ["Lunch is served", "On the roof, while it is warm."],
  ["Build 512 is green", "All 1,204 tests passed."],
  ["Your parcel has arrived", "It waits at the front desk."],
  ["The kettle has boiled", "Two cups, or it will be cold."],
  ["Deploy finished", "Version 3.2 is on all machines."],
  ["A new comment", "“Works on my machine” – and now on yours."],
] as const;

export class SendForm {
  private readonly senders = new Map<string, GraphQLSource>();
  private readonly result: HTMLElement;
  private example = Math.floor(Math.random() * EXAMPLES.length);

  constructor(
    private readonly form: HTMLFormElement,
    private readonly facts: PageFacts,
    private readonly tokens: DemoTokens,
  ) {
    this.result = form.querySelector("output") as HTMLElement;
    const users = availableUsers(facts);
    for (const name of ["from", "to"]) {
      const select = this.field<HTMLSelectElement>(name);
      select.replaceChildren(...users.map((user) => new Option(user.name || user.username, user.username)));
    }
    if (users.length > 1) this.field<HTMLSelectElement>("from").selectedIndex = 1;
    this.fillExample();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = (event as SubmitEvent).submitter as HTMLButtonElement | null;
      void this.send(users, Number(button?.value) || 1);
    });
  }

  private field<Field extends HTMLElement = HTMLInputElement>(name: string): Field {
    return this.form.elements.namedItem(name) as unknown as Field;
  }

  private fillExample(): void {
    this.example = (this.example + 1) % EXAMPLES.length;
    const [title, message] = EXAMPLES[this.example] ?? EXAMPLES[0];
    this.field("title").value = title;
    this.field("message").value = message;
  }

  private async send(users: Person[], times: number): Promise<void> {
    const find = (name: string) =>
      users.find(({ username }) => username === this.field<HTMLSelectElement>(name).value);
    const [from, to] = [find("from"), find("to")];
    if (!from || !to) return;
    this.result.textContent = "";
    try {
      const input = this.input(to);
      for (let count = 1; count <= times; count++) {
        const title = times > 1 ? `${input.title} (${count})` : input.title;
        const idempotencyKey = crypto.randomUUID();
        await this.sender(from).execute(SEND, { input: { ...input, title, idempotencyKey } });
      }
      this.result.textContent = times > 1 ? `${times} sent.` : "Sent.";
      this.fillExample();
    } catch (error) {
      this.result.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  private input(to: Person) {
    const value = (name: string): string => this.field(name).value;
    const data: unknown = value("data").trim() ? JSON.parse(value("data")) : null;
    return {
      recipientId: to.id,
      title: value("title"),
      message: value("message"),
      type: value("type") || "general",
      link: value("link") || null,
      data,
    };
  }

  private sender(person: Person): GraphQLSource {
    const { endpoint, demo } = this.facts;
    const source =
      this.senders.get(person.username) ??
      new GraphQLSource({
        endpoint,
        pageSize: 1,
        token: ({ refresh }) => (demo.length > 0 ? this.tokens.of(person.username, refresh) : null),
      });
    this.senders.set(person.username, source);
    return source;
  }
}
