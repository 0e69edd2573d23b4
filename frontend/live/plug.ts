/** A cable between the server and a device, with a plug to pull: it shows and switches the connection. */

import { element } from "../inbox/dom.js";

const MAX_SPARKS = 12;

export class Plug {
  readonly button = element("button", { type: "button", class: "plug-button" }, "Unplug");
  readonly cable = element("div", { class: "cable", "aria-hidden": "true" });
  private isPulled = false;
  private sparks = 0;
  private resolveConnected: () => void = () => undefined;
  private connected: Promise<void> = Promise.resolve();

  constructor(private readonly onChange: (isPulled: boolean) => void) {
    this.cable.append(
      element("span", { class: "cord" }),
      element("span", { class: "prongs" }),
      element("span", { class: "socket" }),
      element("span", { class: "cord" }),
    );
    this.button.addEventListener("click", () => this.toggle());
  }

  /** Resolve as soon as the plug is in. */
  whenConnected(): Promise<void> {
    return this.connected;
  }

  /** Animate one event along the cable, unless there are many on it already. */
  showTraffic(): void {
    if (this.sparks >= MAX_SPARKS) return;
    this.sparks += 1;
    const spark = element("span", { class: "spark" });
    spark.addEventListener("animationend", () => {
      this.sparks -= 1;
      spark.remove();
    });
    this.cable.append(spark);
  }

  private toggle(): void {
    this.isPulled = !this.isPulled;
    this.button.textContent = this.isPulled ? "Plug in" : "Unplug";
    if (this.isPulled) {
      this.connected = new Promise((resolve) => {
        this.resolveConnected = resolve;
      });
    } else {
      this.resolveConnected();
    }
    this.onChange(this.isPulled);
  }
}
