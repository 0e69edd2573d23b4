/** An action that is done after a few seconds, unless the user takes it back. One at a time. */

import { element, icon } from "./dom.js";
import type { Texts } from "./strings.js";

const WAIT_MS = 6_000;

export interface Undoable {
  /** What was done, in words. */
  readonly text: string;
  commit(): void;
  revert(): void;
}

/** The bar that says what was done, with a button that takes it back. While it is pointed at or focused, time stands still. */
export class UndoBar {
  readonly root = element("div", { class: "bar", hidden: true });
  private readonly text = element("span", { role: "status" });
  private readonly undo = element("button", { type: "button", class: "link" });
  private readonly dismiss = element("button", { type: "button", class: "tool" }, icon("close"));
  private pending: Undoable | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly texts: () => Texts) {
    this.root.append(this.text, this.undo, this.dismiss);
    this.undo.addEventListener("click", () => this.revert());
    this.dismiss.addEventListener("click", () => this.commit());
    for (const name of ["pointerenter", "focusin"]) this.root.addEventListener(name, () => clearTimeout(this.timer));
    for (const name of ["pointerleave", "focusout"]) this.root.addEventListener(name, () => this.wait());
  }

  /** Do this after a wait. What was pending is done now. */
  offer(undoable: Undoable): void {
    this.commit();
    this.pending = undoable;
    // At `pagehide`, the page may be gone before its connection has sent anything.
    addEventListener("beforeunload", this.leave);
    this.show(undoable.text);
    this.wait();
  }

  /** Do now what is pending. */
  commit(): void {
    const { pending } = this;
    this.clear();
    pending?.commit();
  }

  /** Take back what is pending; returns whether there was anything. */
  revert(): boolean {
    const { pending } = this;
    this.clear();
    pending?.revert();
    return pending !== undefined;
  }

  private readonly leave = (): void => this.commit();

  private show(text: string): void {
    const texts = this.texts();
    this.undo.textContent = texts.text("undo");
    this.dismiss.title = texts.text("dismiss");
    this.dismiss.setAttribute("aria-label", this.dismiss.title);
    this.text.textContent = text;
    this.root.hidden = false;
  }

  private wait(): void {
    clearTimeout(this.timer);
    if (this.pending) this.timer = setTimeout(() => this.commit(), WAIT_MS);
  }

  private clear(): void {
    clearTimeout(this.timer);
    removeEventListener("beforeunload", this.leave);
    this.pending = undefined;
    this.root.hidden = true;
    this.text.textContent = "";
  }
}
