/** `<notification-inbox>` as a component: attributes, properties, events and slots as props. */

import type { Notification } from "live-inbox";
import type { Icons, NotificationInbox as InboxElement, RenderRow, SnoozePresets, Strings } from "live-inbox/element";
import type { TokenSource } from "live-inbox/store";
import { createElement, type CSSProperties, type ReactElement, type ReactNode, useEffect, useRef } from "react";

export interface NotificationInboxProps {
  endpoint: string;
  /** A token, or a function that returns one. A function may be a new one each time. */
  token?: TokenSource | undefined;
  inline?: boolean | undefined;
  remember?: string | undefined;
  pageSize?: number | undefined;
  label?: string | undefined;
  lang?: string | undefined;
  titleBadge?: boolean | undefined;
  showData?: boolean | undefined;
  /** What tells of arrivals beside the list; nothing by default. */
  alerts?: readonly ("toast" | "sound" | "browser")[] | undefined;
  strings?: Partial<Strings> | undefined;
  /** Returns the choices of a snooze at a moment, in place of the component's own. */
  snoozePresets?: SnoozePresets | undefined;
  /** Draws the content of a row as a node of the DOM, or returns null for the usual one. Another function draws all rows anew. */
  renderRow?: RenderRow | undefined;
  /** Drawings of the icons that notifications name. */
  icons?: Icons | undefined;
  className?: string | undefined;
  style?: CSSProperties | undefined;
  /** What stands in the place of the list while the server does not accept the sign-in: a link, for example. */
  signedOut?: ReactNode;
  /** What stands in an empty list. */
  empty?: ReactNode;
  onChange?: ((detail: { unreadCount: number; position: string | undefined }) => void) | undefined;
  onSignedOut?: ((detail: { reason: string; code: number | undefined }) => void) | undefined;
  /** The user is about to follow a link; return false to do it with a router of your own. */
  onOpen?: ((notification: Notification) => boolean | undefined) | undefined;
}

/** The element. Its script is loaded in browsers only: what a server renders is an empty element. */
export function NotificationInbox(props: NotificationInboxProps): ReactElement {
  const { token, strings, snoozePresets, renderRow, icons, signedOut, empty, className } = props;
  const element = useRef<InboxElement>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const isFunction = typeof token === "function";
  useEffect(() => {
    void import("live-inbox/element");
  }, []);
  useEffect(() => {
    const { current } = element;
    if (!current) return;
    const ask: TokenSource = (need) => {
      const { token: source } = latest.current;
      return typeof source === "function" ? source(need) : source;
    };
    current.tokenProvider = isFunction ? ask : undefined;
  }, [isFunction]);
  useEffect(() => {
    if (element.current) element.current.strings = strings;
  }, [strings]);
  useEffect(() => {
    if (element.current) element.current.snoozePresets = snoozePresets;
  }, [snoozePresets]);
  useEffect(() => {
    if (element.current) element.current.renderRow = renderRow;
  }, [renderRow]);
  useEffect(() => {
    if (element.current) element.current.icons = icons;
  }, [icons]);
  useEffect(() => {
    const { current } = element;
    const on = (name: string, listener: (event: CustomEvent) => void): (() => void) => {
      current?.addEventListener(name, listener as EventListener);
      return () => current?.removeEventListener(name, listener as EventListener);
    };
    const stops = [
      on("inbox-change", ({ detail }) => latest.current.onChange?.(detail)),
      on("signed-out", ({ detail }) => latest.current.onSignedOut?.(detail)),
      on("notification-open", (event) => {
        if (latest.current.onOpen?.(event.detail.notification) === false) event.preventDefault();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const attributes = {
    ref: element,
    endpoint: props.endpoint,
    token: isFunction ? undefined : (token ?? undefined),
    inline: flag(props.inline),
    remember: props.remember,
    "page-size": props.pageSize,
    label: props.label,
    lang: props.lang,
    "title-badge": flag(props.titleBadge),
    "show-data": flag(props.showData),
    alerts: props.alerts?.join(" "),
    class: className,
    style: props.style,
  };
  return createElement(
    "notification-inbox",
    attributes,
    signedOut === undefined ? null : createElement("span", { slot: "signed-out" }, signedOut),
    empty === undefined ? null : createElement("span", { slot: "empty" }, empty),
  );
}

/** As an attribute, which React would write as `"true"` or `"false"` on such an element. */
function flag(isSet: boolean | undefined): string | undefined {
  return isSet ? "" : undefined;
}
