/** The wire between the server and a device, with a plug in it that can be pulled. */

import { element } from "../inbox/elements.js";

export class Plug {
  readonly button = element("button", { type: "button", class: "pull" }, "Unplug");
  readonly wire = element("div", { class: "wire", "aria-hidden": "true" });
  private pulled = false;
  private plugIn: () => void = () => undefined;
  private whole: Promise<void> = Promise.resolve();

  constructor(private readonly changed: (pulled: boolean) => void) {
    this.wire.append(
      element("span", { class: "cable" }),
      element("span", { class: "prongs" }),
      element("span", { class: "socket" }),
      element("span", { class: "cable" }),
    );
    this.button.addEventListener("click", () => this.toggle());
  }

  /** Resolves as soon as the plug is in. */
  ready(): Promise<void> {
    return this.whole;
  }

  /** Let a spark run along the wire. */
  spark(): void {
    const spark = element("span", { class: "spark" });
    spark.addEventListener("animationend", () => spark.remove());
    this.wire.append(spark);
    if (this.wire.querySelectorAll(".spark").length > 12) this.wire.querySelector(".spark")?.remove();
  }

  private toggle(): void {
    this.pulled = !this.pulled;
    this.button.textContent = this.pulled ? "Plug in" : "Unplug";
    if (this.pulled) {
      this.whole = new Promise((resolve) => {
        this.plugIn = resolve;
      });
    } else {
      this.plugIn();
    }
    this.changed(this.pulled);
  }
}
