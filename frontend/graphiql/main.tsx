/** The page at `/graphql/`: GraphiQL, with somebody to ask as. */

import "./workers.js";
import "graphiql/style.css";
import "./graphiql.css";
import { GraphiQL } from "graphiql";
import { type ChangeEvent, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { DemoTokens } from "../live/demo_tokens.js";
import { pageFacts } from "../live/page.js";
import { examples } from "./examples.js";
import { makeFetcher, type Told } from "./fetcher.js";
import { type GraphiQLFacts, Session } from "./session.js";

const facts = pageFacts() as GraphiQLFacts;

function Explorer() {
  const [session] = useState(() => new Session(facts, new DemoTokens(facts)));
  const [news, tell] = useState<Parameters<Told>[0]>();
  const fetcher = useMemo(() => makeFetcher(facts.endpoint, session, tell), [session]);
  const somebody = facts.viewer ?? facts.demo[0];
  return (
    <>
      <header className="asking">
        <a href="/">Live Inbox</a>
        <Asking session={session} />
        <output className={news?.isFault ? "news fault" : "news"}>{news?.text}</output>
      </header>
      <main>
        <h1>GraphiQL</h1>
        <GraphiQL
          fetcher={fetcher}
          defaultTabs={examples(somebody ? `user:${somebody.id}` : "user:1")}
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
          defaultEditorToolsVisibility="variables"
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}

function Asking({ session }: { session: Session }) {
  const [kind, setKind] = useState(valueOf(session));
  const choose = ({ target: { value } }: ChangeEvent<HTMLSelectElement>): void => {
    if (value === "token" || value === "session") session.caller = { kind: value };
    else session.caller = { kind: "demo", username: value.slice("demo:".length) };
    setKind(value);
  };
  return (
    <div className="who">
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

const place = document.getElementById("graphiql");
if (place) createRoot(place).render(<Explorer />);
