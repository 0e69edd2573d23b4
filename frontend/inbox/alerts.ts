/**
 * What tells users of an arrival when they do not look at the list: a toast, a sound, a notification of the browser. Each only if
 * the page asks for it (the attribute `alerts`). A part of its own, loaded when it is needed.
 */

import type { Notification as InboxNotification } from "../client/index.js";
import { adoptStyles } from "./adopt_styles.js";
import css from "./alerts.shadow.css";
import { element, icon } from "./dom.js";
import { ALERT_WORDS } from "./languages/en_parts.js";
import { plainText } from "./markdown.js";
import { safeLink } from "./safe_link.js";
import type { Texts } from "./strings.js";

/** What alerts need of the component. */
export interface AlertHost {
  readonly texts: Texts;
  /** Whether the panel is open. */
  open: boolean;
  getAttribute(name: string): string | null;
  /** Mark a notification as read and let the page know; returns false to keep the browser from following its link. */
  readonly actions: { open(notification: InboxNotification): boolean };
}

const TOAST_MS = 8_000;
const MAX_TOASTS = 3;

/** A burst is one sound. */
const QUIET_MS = 2_000;

/** Where a "not now" is remembered, in the storage of the page's origin. */
const DECLINED = "notification-inbox-alerts";

export class Alerts {
  private readonly toasts = element("section", { class: "toasts" });
  /** What removes each of the toasts that are shown, the oldest first. */
  private readonly removals = new Set<() => void>();
  private audio: AudioContext | undefined;
  private soundedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly host: AlertHost,
    root: ShadowRoot,
    /** Where the question stands whether the browser may show notifications. */
    private readonly bar: HTMLElement,
  ) {
    adoptStyles(root, css);
    root.append(this.toasts);
  }

  /** A notification has arrived. */
  arrived(notification: InboxNotification): void {
    if (this.wants("toast") && !this.host.open) this.showToast(notification);
    if (this.wants("sound")) this.sound();
    if (this.wants("browser") && document.visibilityState === "hidden") this.notify(notification);
  }

  /** The user has opened the list: toasts would cover it, and say nothing that it does not. */
  opened(): void {
    for (const remove of this.removals) remove();
    this.ask();
  }

  /** Ask whether the browser may show notifications: in words of our own first, and never again after a "not now". */
  private ask(): void {
    if (!this.wants("browser") || permission() !== "default" || hasDeclined()) return;
    const { texts } = this.host;
    texts.add(ALERT_WORDS);
    const answer = (name: "turnOn" | "notNow", act: () => void): HTMLElement => {
      const button = element("button", { type: "button", class: "link" }, texts.text(name));
      button.addEventListener("click", () => {
        this.bar.hidden = true;
        act();
      });
      return button;
    };
    this.bar.replaceChildren(
      element("span", {}, texts.text("askBrowser")),
      answer("turnOn", () => void Notification.requestPermission()),
      answer("notNow", decline),
    );
    this.bar.hidden = false;
  }

  private wants(kind: string): boolean {
    return (this.host.getAttribute("alerts") ?? "").split(/\s+/).includes(kind);
  }

  // -- toasts ---------------------------------------------------------------------------------------------

  private showToast(notification: InboxNotification): void {
    const { texts } = this.host;
    this.toasts.setAttribute("aria-label", texts.text("heading"));
    const close = element("button", { type: "button", class: "tool", "aria-label": texts.text("dismiss") }, icon("close"));
    const text = plainText(notification);
    const message = text && element("p", { dir: "auto" }, text);
    const toast = element("div", { class: "toast" }, this.titleOf(notification), close, message);
    let timer: ReturnType<typeof setTimeout>;
    const remove = (): void => {
      clearTimeout(timer);
      this.removals.delete(remove);
      toast.remove();
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(remove, TOAST_MS);
    };
    // Whoever reads it or is about to use it has as much time as they need.
    for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, () => clearTimeout(timer));
    for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, wait);
    toast.addEventListener("click", remove);
    wait();
    this.toasts.append(toast);
    this.removals.add(remove);
    // With its timer, which would keep it in memory.
    for (const removeOldest of this.removals) if (this.removals.size > MAX_TOASTS) removeOldest();
  }

  /** The title: a link, or a button that opens the list. */
  private titleOf(notification: InboxNotification): HTMLElement {
    const title = element("bdi", {}, notification.title);
    const href = safeLink(notification.link);
    if (href === null) {
      const button = element("button", { type: "button", class: "link" }, title);
      button.addEventListener("click", () => this.openList());
      return button;
    }
    const link = element("a", { href, rel: "noopener noreferrer" }, title);
    link.addEventListener("click", (event) => {
      if (!this.host.actions.open(notification)) event.preventDefault();
    });
    return link;
  }

  private openList(): void {
    this.host.open = true;
  }

  // -- sound ----------------------------------------------------------------------------------------------

  /** Two short tones. Browsers allow none before the user has done something on the page. */
  private sound(): void {
    const now = performance.now();
    if (now - this.soundedAt < QUIET_MS) return;
    this.soundedAt = now;
    try {
      this.audio ??= new AudioContext();
      void this.audio.resume();
      tone(this.audio, 660, 0);
      tone(this.audio, 880, 0.12);
    } catch {
      // Without a device for sound, there is none.
    }
  }

  // -- notifications of the browser -----------------------------------------------------------------------

  private notify(notification: InboxNotification): void {
    if (permission() !== "granted") return;
    try {
      // Of several tabs, the same notification is shown once.
      const { id, title } = notification;
      const body = plainText(notification);
      const shown = new Notification(title, { body, tag: `notification-inbox ${id}`, dir: "auto" });
      shown.onclick = () => {
        shown.close();
        window.focus();
        this.openList();
      };
    } catch {
      // Some browsers of phones show none of pages.
    }
  }
}

function tone(audio: AudioContext, hertz: number, after: number): void {
  const start = audio.currentTime + after;
  const oscillator = audio.createOscillator();
  const volume = audio.createGain();
  oscillator.frequency.value = hertz;
  volume.gain.setValueAtTime(0.08, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + 0.25);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(start);
  oscillator.stop(start + 0.25);
}

/** What the browser allows; `denied` where it has no notifications. */
function permission(): NotificationPermission {
  return typeof Notification === "function" ? Notification.permission : "denied";
}

function hasDeclined(): boolean {
  try {
    return localStorage.getItem(DECLINED) !== null;
  } catch {
    return false;
  }
}

function decline(): void {
  try {
    localStorage.setItem(DECLINED, "declined");
  } catch {
    // Without storage, it is asked again after a reload.
  }
}
