/** One device: an inbox of a chosen user over a chosen protocol, with a plug to pull and a log of its events. */

import type { FollowStatus, NotificationEvent, TokenSource } from "../client/index.js";
import { element } from "../inbox/dom.js";
import { GraphQLSource } from "../inbox/graphql_source.js";
import type { NotificationInbox } from "../inbox/index.js";
import type { InboxSource } from "../inbox/source.js";
import type { DemoTokens } from "./demo_tokens.js";
import { EventLog } from "./event_log.js";
import { JsonSource } from "./json_source.js";
import { availableUsers, type PageFacts, type Person } from "./page_facts.js";
import { Plug } from "./plug.js";

export type Protocol = "graphql" | "json";

export interface Choice {
  username: string;
  protocol: Protocol;
}

const PROTOCOLS: Record<Protocol, string> = { graphql: "GraphQL", json: "JSON" };
const PAGE_SIZE = 20;

export class Device {
  readonly root: HTMLElement;
  private readonly inbox = document.createElement("notification-inbox") as NotificationInbox;
  private readonly log = new EventLog();
  private readonly plug = new Plug((isPulled) => this.onPlug(isPulled));
  private readonly user = element("select", { "aria-label": "User" });
  private readonly protocol = element("select", { "aria-label": "Protocol" });

  constructor(
    private readonly name: string,
    private readonly facts: PageFacts,
    private readonly tokens: DemoTokens,
    private readonly onChoice: () => void,
  ) {
    this.user.append(
      ...availableUsers(facts).map(({ username, name }) => element("option", { value: username }, name || username)),
    );
    // The JSON API accepts tokens only: without demo users there is none to give it.
    const protocols = Object.entries(PROTOCOLS).filter(([name]) => name === "graphql" || facts.demo.length > 0);
    this.protocol.append(...protocols.map(([value, label]) => element("option", { value }, label)));
    this.user.hidden = this.user.childElementCount < 2;
    this.inbox.setAttribute("inline", "");
    this.inbox.setAttribute("show-data", "");
    this.root = element(
      "div",
      { class: "device", role: "group", "aria-label": name },
      element("div", { class: "label" }, element("strong", {}, name), this.user, this.protocol, this.plug.button),
      this.plug.cable,
      this.log.root,
      this.inbox,
    );
    for (const select of [this.user, this.protocol]) {
      select.addEventListener("change", () => {
        this.start();
        this.onChoice();
      });
    }
    this.inbox.addEventListener("inbox-event", (event) => {
      const { detail } = event as CustomEvent<{ event: NotificationEvent; resumed: boolean }>;
      this.log.append(detail.event, detail.resumed);
      this.plug.showTraffic();
    });
    this.inbox.addEventListener("inbox-status", (event) => {
      const { detail } = event as CustomEvent<FollowStatus>;
      if (detail.state === "reconnecting") this.log.markGap();
      this.root.dataset["state"] = detail.state;
    });
  }

  get choice(): Choice {
    return { username: this.user.value, protocol: this.protocol.value as Protocol };
  }

  choose({ username, protocol }: Choice): void {
    this.user.value = username;
    this.protocol.value = protocol;
    if (!this.user.value) this.user.selectedIndex = 0;
    if (!this.protocol.value) this.protocol.selectedIndex = 0;
    this.start();
  }

  /** Remove what this browser has stored of the inbox. */
  forget(): void {
    this.inbox.forget();
  }

  private start(): void {
    const { username, protocol } = this.choice;
    const person = availableUsers(this.facts).find((each) => each.username === username);
    if (!person) return;
    this.log.clear();
    // Two devices of one user are two landmarks: each has a name of its own.
    this.inbox.setAttribute("label", `${person.name || person.username} · ${this.name}`);
    this.inbox.setAttribute("remember", `${this.name}:${person.id}`);
    this.inbox.source = this.makeSource(person, protocol);
  }

  private makeSource(person: Person, protocol: Protocol): InboxSource {
    const { endpoint, jsonEndpoint, demo } = this.facts;
    const token: TokenSource = async ({ refresh }) => {
      await this.plug.whenConnected();
      return demo.length > 0 ? this.tokens.of(person.username, refresh) : null;
    };
    return protocol === "json"
      ? new JsonSource({ endpoint: jsonEndpoint, token, pageSize: PAGE_SIZE })
      : new GraphQLSource({ endpoint, token, pageSize: PAGE_SIZE });
  }

  private onPlug(isPulled: boolean): void {
    this.root.toggleAttribute("data-pulled", isPulled);
    if (isPulled) this.inbox.source?.disconnect();
    else this.inbox.source?.reconnectNow();
  }
}
