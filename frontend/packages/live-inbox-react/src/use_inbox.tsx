/** The hook: the state of an inbox with its actions, for one component or for all below a provider. */

import { type InboxState, InboxStore, type InboxStoreOptions, type TokenSource } from "live-inbox/store";
import {
  createContext,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";

const ACTIONS = [
  "archive",
  "archiveAll",
  "deleteAll",
  "loadGroup",
  "loadMore",
  "markAllRead",
  "markRead",
  "markSeen",
  "markUnread",
  "performAction",
  "pin",
  "preferences",
  "reconnectNow",
  "remove",
  "setFilter",
  "setPreference",
  "snooze",
  "unarchive",
  "undo",
  "unpin",
  "unsnooze",
] as const;

type Actions = Pick<InboxStore, (typeof ACTIONS)[number]>;

/** The state, and the actions, which stay the same functions. */
export type Inbox = InboxState & Actions;

const InboxContext = createContext<InboxStore | undefined>(undefined);

/** Give the components below one inbox, with one connection: they call `useInbox()`. */
export function InboxProvider({ children, ...options }: InboxStoreOptions & { children?: ReactNode }): ReactElement {
  return <InboxContext.Provider value={useStore(options)}>{children}</InboxContext.Provider>;
}

/**
 * Return the inbox at `url`; without options, that of the provider above. It is connected as long as a component uses it.
 * Another `url`, `pageSize`, `counts` or token is another inbox; a function as `token` may be a new one each time.
 */
export function useInbox(options?: InboxStoreOptions): Inbox {
  const given = useContext(InboxContext);
  if (!options && !given) throw new Error("useInbox needs options, or an InboxProvider above it.");
  const own = useStore(options ?? { url: "" });
  const store = options || !given ? own : given;
  const state = useSyncExternalStore(store.subscribe, store.getState, store.getInitialState);
  return useMemo(() => ({ ...state, ...actionsOf(store) }), [state, store]);
}

/** A store connects with its first subscriber: one that React throws away, as in StrictMode, costs nothing. */
function useStore({ url, token, pageSize, counts }: InboxStoreOptions): InboxStore {
  const latest = useRef<TokenSource | undefined>(token);
  useEffect(() => {
    latest.current = token;
  });
  const fixed = typeof token === "function" ? undefined : token;
  const isFunction = typeof token === "function";
  return useMemo(() => {
    const ask: TokenSource = (need) => {
      const { current } = latest;
      return typeof current === "function" ? current(need) : current;
    };
    return new InboxStore({ url, pageSize, counts, token: isFunction ? ask : fixed });
  }, [url, pageSize, counts, fixed, isFunction]);
}

function actionsOf(store: InboxStore): Actions {
  return Object.fromEntries(ACTIONS.map((name) => [name, store[name]])) as Actions;
}
