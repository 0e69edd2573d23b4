/** The page at `/graphql/`: GraphiQL, with a choice of the user to run operations as. */

import "./workers.js";
import "graphiql/style.css";
import "./graphiql.css";
import { GraphiQL } from "graphiql";
import { type ChangeEvent, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { DemoTokens } from "../live/demo_tokens.js";
import { pageFacts } from "../live/page_facts.js";
import { EventLog } from "./event_log.js";
import { EventLogView } from "./event_log_view.js";
import { examples } from "./examples.js";
import { makeFetcher } from "./fetcher.js";
import { LiveSubscription, type SubscriptionStatus } from "./live_subscription.js";
import { type GraphiQLFacts, Session } from "./session.js";

const facts = pageFacts() as GraphiQLFacts;

function Explorer() {
  const [session] = useState(() => new Session(facts, new DemoTokens(facts)));
  const [status, setStatus] = useState<SubscriptionStatus>();
  const live = useMemo(() => new LiveSubscription(facts.endpoint, session, new EventLog(), setStatus), [session]);
  const fetcher = useMemo(() => makeFetcher(facts.endpoint, session, live), [session, live]);
  const user = facts.viewer ?? facts.demo[0];
  return (
    <>
      <header className="toolbar">
        {facts.home ? <a href={facts.home}>Live Inbox</a> : <span>Live Inbox</span>}
        <CallerChoice session={session} />
        <output className={status?.isError ? "status error" : "status"}>{status?.text}</output>
      </header>
      <main>
        <h1>GraphiQL</h1>
        <GraphiQL
          fetcher={fetcher}
          defaultTabs={examples(user ? `user:${user.id}` : "user:1")}
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
          defaultEditorToolsVisibility="variables"
          onTabChange={({ activeTabIndex }) => {
            live.tab = activeTabIndex;
          }}
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
      <EventLogView live={live} status={status} />
    </>
  );
}

function CallerChoice({ session }: { session: Session }) {
  const [kind, setKind] = useState(valueOf(session));
  const choose = ({ target: { value } }: ChangeEvent<HTMLSelectElement>): void => {
    if (value === "token" || value === "session") session.caller = { kind: value };
    else session.caller = { kind: "demo", username: value.slice("demo:".length) };
    setKind(value);
  };
  return (
    <div className="caller">
      <label>
        Ask as{" "}
        <select value={kind} onChange={choose}>
          {facts.viewer && <option value="session">{facts.viewer.name} (signed in)</option>}
          {facts.demo.map(({ username, name }) => (
            <option key={username} value={`demo:${username}`}>
              {name}
            </option>
          ))}
          <option value="token">holder of a token</option>
        </select>
      </label>
      {kind === "token" && (
        <input
          type="password"
          aria-label="Token"
          placeholder="Paste an access token"
          autoComplete="off"
          onChange={({ target }) => {
            session.typedToken = target.value;
          }}
        />
      )}
    </div>
  );
}

function valueOf({ caller }: Session): string {
  return caller.kind === "demo" ? `demo:${caller.username}` : caller.kind;
}

const container = document.getElementById("graphiql");
if (container) createRoot(container).render(<Explorer />);
