import { InboxProvider, NotificationInbox, useInbox } from "live-inbox-react";
import { type ReactElement, useState } from "react";
import { demoToken } from "./token.js";

/** One connection for all that is below the provider, and a list of your own. The element at the bottom is ready-made. */
export function App(): ReactElement {
  const [showsElement, setShowsElement] = useState(false);
  return (
    <main>
      <h1>Live inbox in React</h1>
      <InboxProvider url="/graphql/" token={() => demoToken()} pageSize={10}>
        <Badge />
        <List />
      </InboxProvider>
      <button type="button" onClick={() => setShowsElement(!showsElement)}>
        {showsElement ? "Hide the element" : "Show the element"}
      </button>
      {showsElement && <NotificationInbox endpoint="/graphql/" token={() => demoToken()} inline label="The element" />}
    </main>
  );
}

function Badge(): ReactElement {
  const { unreadCount, status } = useInbox();
  return (
    <p>
      <output>{unreadCount} unread</output> <span data-state={status.state}>{status.state}</span>
    </p>
  );
}

function List(): ReactElement {
  const { notifications, hasMore, isLoaded, loadMore, markRead, markAllRead } = useInbox();
  if (!isLoaded) return <p>Loading …</p>;
  return (
    <section aria-label="Notifications">
      <button type="button" onClick={() => void markAllRead()}>
        Mark all as read
      </button>
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
      {hasMore && (
        <button type="button" onClick={() => void loadMore()}>
          Show older
        </button>
      )}
    </section>
  );
}
