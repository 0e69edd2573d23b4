/** The bell with the number of unread notifications, and the voice that announces new ones. */

import { element, icon, setAttributes } from "./elements.js";

const ANNOUNCED = 5;

export class Bell {
  private readonly badge = element("span", { class: "badge", "aria-hidden": "true" });
  readonly button = element(
    "button",
    { type: "button", class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-controls": "panel" },
    icon("bell"),
    this.badge,
  );
  /** Not to be seen: screen readers read it aloud. */
  readonly news = element("div", { class: "sr", role: "log", "aria-live": "polite" });

  render(unreadCount: number, isOpen: boolean): void {
    this.badge.textContent = unreadCount > 99 ? "99+" : String(unreadCount);
    this.badge.hidden = unreadCount === 0;
    const label = `Notifications, ${unreadCount} unread`;
    setAttributes(this.button, { "aria-label": label, "aria-expanded": String(isOpen) });
  }

  announce(title: string): void {
    this.news.append(element("p", {}, `New notification: ${title}`));
    if (this.news.childElementCount > ANNOUNCED) this.news.firstElementChild?.remove();
    this.button.removeAttribute("data-ring");
    // Without a look at the layout in between, the animation would not begin anew.
    void this.button.offsetWidth;
    this.button.setAttribute("data-ring", "");
  }
}
