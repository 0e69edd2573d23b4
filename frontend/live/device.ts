/** One device: an inbox of a chosen user over a chosen protocol, its wire and its tape. */

import type { FollowStatus, NotificationEvent, TokenSource } from "../client/index.js";
import { element } from "../inbox/elements.js";
import type { NotificationInbox } from "../inbox/index.js";
import { GraphQLSource, type InboxSource } from "../inbox/source.js";
import type { DemoTokens } from "./demo_tokens.js";
import { JsonSource } from "./json_source.js";
import type { PageFacts, Person } from "./page.js";
import { Plug } from "./plug.js";
import { Tape } from "./tape.js";

export type Door = "graphql" | "json";

export interface Choice {
  username: string;
  door: Door;
}

const DOORS: Record<Door, string> = { graphql: "GraphQL", json: "Original JSON" };
const PAGE_SIZE = 20;

export class Device {
  readonly root: HTMLElement;
  private readonly inbox = document.createElement("notification-inbox") as NotificationInbox;
  private readonly tape = new Tape();
  private readonly plug = new Plug((pulled) => this.pulled(pulled));
  private readonly user = element("select", { "aria-label": "User" });
  private readonly door = element("select", { "aria-label": "Protocol" });

  constructor(
    private readonly name: string,
    private readonly facts: PageFacts,
    private readonly tokens: DemoTokens,
    private readonly changed: () => void,
  ) {
    this.user.append(
      ...this.people().map(({ username, name }) => element("option", { value: username }, name || username)),
    );
    const doors = Object.entries(DOORS).filter(([door]) => door === "graphql" || facts.demo.length > 0);
    this.door.append(...doors.map(([door, words]) => element("option", { value: door }, words)));
    this.user.hidden = this.user.childElementCount < 2;
    this.inbox.setAttribute("inline", "");
    this.root = element(
      "section",
      { class: "device", "aria-label": name },
      element("div", { class: "label" }, element("strong", {}, name), this.user, this.door, this.plug.button),
      this.plug.wire,
      this.tape.root,
      this.inbox,
    );
    for (const select of [this.user, this.door]) {
      select.addEventListener("change", () => {
        this.start();
        this.changed();
      });
    }
    this.inbox.addEventListener("inbox-event", (event) => {
      const { detail } = event as CustomEvent<{ event: NotificationEvent; resumed: boolean }>;
      this.tape.print(detail.event, detail.resumed);
      this.plug.spark();
    });
    this.inbox.addEventListener("inbox-status", (event) => {
      const { detail } = event as CustomEvent<FollowStatus>;
      if (detail.state === "reconnecting") this.tape.tear();
      this.root.dataset["state"] = detail.state;
    });
  }

  get choice(): Choice {
    return { username: this.user.value, door: this.door.value as Door };
  }

  choose({ username, door }: Choice): void {
    this.user.value = username;
    this.door.value = door;
    if (!this.user.value) this.user.selectedIndex = 0;
    if (!this.door.value) this.door.selectedIndex = 0;
    this.start();
  }

  private people(): Person[] {
    const { demo, viewer } = this.facts;
    return demo.length > 0 ? demo : viewer ? [viewer] : [];
  }

  private start(): void {
    const { username, door } = this.choice;
    const person = this.people().find((each) => each.username === username);
    if (!person) return;
    this.tape.clear();
    this.inbox.setAttribute("label", person.name || person.username);
    this.inbox.setAttribute("remember", `${this.name}:${person.id}`);
    this.inbox.source = this.source(person, door);
  }

  private source(person: Person, door: Door): InboxSource {
    const { endpoint, jsonEndpoint, demo } = this.facts;
    const token: TokenSource = async ({ refresh }) => {
      await this.plug.ready();
      return demo.length > 0 ? this.tokens.of(person.username, refresh) : null;
    };
    return door === "json"
      ? new JsonSource({ endpoint: jsonEndpoint, token, pageSize: PAGE_SIZE })
      : new GraphQLSource({ endpoint, token, pageSize: PAGE_SIZE });
  }

  private pulled(pulled: boolean): void {
    this.root.toggleAttribute("data-pulled", pulled);
    if (pulled) this.inbox.source?.drop();
    else this.inbox.source?.reconnectNow();
  }
}
