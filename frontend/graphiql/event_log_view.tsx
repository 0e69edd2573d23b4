/** The log of the subscription, below GraphiQL: it stays whichever tab is open. */

import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Checked, Entry } from "./event_log.js";
import type { LiveSubscription, SubscriptionStatus } from "./live_subscription.js";

export function EventLogView({ live, status }: { live: LiveSubscription; status: SubscriptionStatus | undefined }) {
  const { log } = live;
  const entries = useSyncExternalStore(log.subscribe, () => log.entries);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [entries]);
  if (!status && entries.length === 0) return null;
  return (
    <section className="event-log" aria-label="Events">
      <header>
        <h2>Events</h2>
        <span className={log.checked.missing + log.checked.repeated > 0 ? "checked fault" : "checked"}>
          {summary(log.checked)}
        </span>
        {status?.state === "live" && (
          <button type="button" onClick={() => live.drop()}>
            Lose the connection
          </button>
        )}
        {status?.canResume && (
          <button type="button" onClick={() => live.resume()}>
            Resume
          </button>
        )}
        {status?.state !== "ended" && status && (
          <button type="button" onClick={() => live.stop()}>
            Stop
          </button>
        )}
        <button type="button" onClick={() => log.clear()}>
          Clear
        </button>
      </header>
      {/* The list scrolls, so the keyboard must reach it. */}
      <ol ref={list} tabIndex={0} aria-label="Events, from the first to the latest">
        {entries.map((entry) => (
          <Row key={entry.key} entry={entry} />
        ))}
      </ol>
    </section>
  );
}

function Row({ entry: { sequence, text, kind, isResumed } }: { entry: Entry }) {
  return (
    <li className={kind}>
      <b>{sequence ?? ""}</b>
      {isResumed && <em>missed</em>}
      <code>{text}</code>
    </li>
  );
}

function summary({ events, missing, repeated }: Checked): string {
  const count = `${events} ${events === 1 ? "event" : "events"}`;
  return `${count} · ${missing || "none"} missing · ${repeated || "none"} twice`;
}
