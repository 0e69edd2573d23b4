/**
 * The subset of Markdown that messages may be written in (docs/sending.md), as DOM nodes. Text is inserted as text: there is
 * no HTML in it, and nothing here parses any. Takes time in proportion to the text, whatever it is.
 */

import type { Notification } from "../client/index.js";
import { element } from "./dom.js";
import { safeLink } from "./safe_link.js";

/** An escaped character, code, a link, or a mark of bold or italic. */
const TOKEN = /\\([\\`*[\]().-])|`([^`\n]+)`|\[([^[\]\n]*)\]\(([^()\s]*)\)|\*\*|\*/g;

const UNORDERED = /^[-*] +/;
const ORDERED = /^\d{1,9}[.)] +/;

/** Return the nodes of a message: paragraphs and lists. */
export function markdown(text: string): Node[] {
  const found: HTMLElement[] = [];
  let lines: string[] = [];
  let isOpen = false;
  const endParagraph = (): void => {
    if (lines.length > 0) found.push(element("p", {}, ...inline(lines.join("\n"))));
    lines = [];
  };
  for (const line of text.split(/\r?\n/)) {
    const name = UNORDERED.test(line) ? "ul" : ORDERED.test(line) ? "ol" : undefined;
    if (name) {
      endParagraph();
      const last = found.at(-1);
      const list = last?.localName === name && isOpen ? last : element(name);
      if (list !== last) found.push(list);
      list.append(element("li", {}, ...inline(line.replace(name === "ul" ? UNORDERED : ORDERED, ""))));
    } else if (line.trim() === "") endParagraph();
    else lines.push(line);
    isOpen = name !== undefined;
  }
  endParagraph();
  return found;
}

/** Return the text of a message without marks, with a line for each line of a paragraph and each entry of a list. */
export function plainText({ message, format }: Notification): string {
  if (format !== "MARKDOWN") return message;
  const blocks = markdown(message).flatMap((node) => (node.nodeName === "P" ? [node] : [...node.childNodes]));
  return blocks.map(({ textContent }) => textContent).join("\n");
}

interface Open {
  readonly mark: string;
  readonly nodes: Node[];
}

/** Return the nodes of a text without paragraphs and lists. A mark that is not closed is text. */
function inline(text: string): Node[] {
  const root: Open = { mark: "", nodes: [] };
  // Bold and italic at most once each, so that this is never deep.
  const open: Open[] = [root];
  const add = (...nodes: Node[]): unknown => open.at(-1)?.nodes.push(...nodes);
  const dissolve = (): void => {
    const top = open.pop() as Open;
    add(document.createTextNode(top.mark), ...top.nodes);
  };
  let end = 0;
  for (const found of text.matchAll(TOKEN)) {
    const [token, escaped, code, label, address] = found;
    const at = found.index;
    add(document.createTextNode(text.slice(end, at)));
    end = at + token.length;
    const href = safeLink(address);
    if (escaped !== undefined) add(document.createTextNode(escaped));
    else if (code !== undefined) add(element("code", {}, code));
    else if (label && href) {
      add(element("a", { href, rel: "noopener noreferrer", tabindex: -1 }, label));
    } else if (address !== undefined) add(document.createTextNode(token));
    else {
      const known = open.findIndex(({ mark }) => mark === token);
      const isClosing = known > 0 && /\S/.test(text[at - 1] ?? "");
      if (isClosing) {
        while (open.length - 1 > known) dissolve();
        const { nodes } = open.pop() as Open;
        add(element(token === "*" ? "em" : "strong", {}, ...(nodes as Node[])));
      } else if (known < 0 && /\S/.test(text[end] ?? "")) open.push({ mark: token, nodes: [] });
      else add(document.createTextNode(token));
    }
  }
  add(document.createTextNode(text.slice(end)));
  while (open.length > 1) dissolve();
  return root.nodes;
}
