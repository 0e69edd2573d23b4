"use client";

import { useInbox } from "live-inbox-react";
import type { ReactElement } from "react";

/** A list of your own. A server renders it as it is before there is a connection. */
export function List({ url }: { url: string }): ReactElement {
  const { notifications, unreadCount, status, isLoaded, markRead } = useInbox({ url, token: fetchToken, pageSize: 10 });
  return (
    <section aria-label="Notifications">
      <output>{unreadCount} unread</output> <span data-state={status.state}>{status.state}</span>
      {!isLoaded && <p>Loading …</p>}
      <ul>
        {notifications.map(({ id, title, read }) => (
          <li key={id} data-unread={!read}>
            {title}
            {!read && (
              <button type="button" aria-label={`Mark as read: ${title}`} onClick={() => void markRead(id)}>
                ✓
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

async function fetchToken(): Promise<string> {
  return (await fetch("/token", { method: "POST" })).text();
}
