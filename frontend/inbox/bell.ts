/** The button with the number of unread notifications, and the live region that announces new ones. */

import { element, icon, setAttributes } from "./dom.js";

const MAX_ANNOUNCEMENTS = 5;

export class Bell {
  private readonly badge = element("span", { class: "badge", "aria-hidden": "true" });
  readonly button = element(
    "button",
    { type: "button", class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-controls": "panel" },
    icon("bell"),
    this.badge,
  );
  /** A hidden live region: screen readers read it aloud. */
  readonly announcements = element("div", { class: "sr", role: "log", "aria-live": "polite" });

  render(unreadCount: number, isOpen: boolean): void {
    this.badge.textContent = unreadCount > 99 ? "99+" : String(unreadCount);
    this.badge.hidden = unreadCount === 0;
    const label = `Notifications, ${unreadCount} unread`;
    setAttributes(this.button, { "aria-label": label, "aria-expanded": String(isOpen) });
  }

  announce(title: string): void {
    this.announcements.append(element("p", {}, `New notification: ${title}`));
    if (this.announcements.childElementCount > MAX_ANNOUNCEMENTS) this.announcements.firstElementChild?.remove();
    this.button.removeAttribute("data-ring");
    // Reading the layout in between restarts the animation.
    void this.button.offsetWidth;
    this.button.setAttribute("data-ring", "");
  }
}
