// Previews the notification beside the send form, as its recipients will see it, and counts them.
"use strict";

(() => {
  const COLORS = 8;
  const PAUSE_MS = 300;
  const preview = document.getElementById("inbox-preview");
  const count = document.getElementById("inbox-count");
  const fields = ["type", "title", "message", "link"].map((name) => document.getElementById(`id_${name}`));
  if (!preview || fields.includes(null)) return;
  const [type, title, message, link] = fields;
  const form = title.form;
  const list = document.getElementById("inbox-cards");
  const card = list.firstElementChild;

  /** Returns the color number of a type, as `type_badge` in rendering.py: from the CRC-32 of its name. */
  function color(name) {
    let sum = 0xffffffff;
    for (const byte of new TextEncoder().encode(name)) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ((sum ^ 0xffffffff) >>> 0) % COLORS;
  }

  function fill(element, values) {
    for (const [name, value] of Object.entries(values)) {
      const part = element.querySelector(`[data-preview="${name}"]`);
      part.textContent = value;
      part.hidden = value === "";
    }
    element.querySelector('[data-preview="type"]').className = `inbox-badge inbox-type-${color(values.type)}`;
  }

  /** Shows what is typed. Templates and languages are the server's: it answers a moment later. */
  function show() {
    const isMissing = title.value.trim() === "";
    fill(card, {
      type: type.value,
      title: isMissing ? "Title" : title.value,
      message: message.value,
      // Text only: whether it is acceptable as a link, the service decides when the form is sent.
      link: link.value.trim(),
      languages: "",
    });
    card.querySelector('[data-preview="title"]').classList.toggle("inbox-missing", isMissing);
    list.replaceChildren(card);
  }

  function render(answer) {
    const users = answer.count === 1 ? "1 user" : `${(answer.count ?? 0).toLocaleString("en")} users`;
    count.textContent = answer.count === null ? "" : `Goes to ${users}.`;
    if (answer.cards.length === 0) return;
    card.querySelector('[data-preview="title"]').classList.remove("inbox-missing");
    list.replaceChildren(
      ...answer.cards.map((values, place) => {
        const element = place === 0 ? card : card.cloneNode(true);
        fill(element, values);
        return element;
      }),
    );
  }

  let timer;
  let request;

  async function ask() {
    request?.abort();
    request = new AbortController();
    try {
      const answer = await fetch(preview.dataset.url, {
        method: "POST",
        body: new FormData(form),
        signal: request.signal,
      });
      if (answer.ok) render(await answer.json());
    } catch {
      // Aborted by the next question, or the server is away. What is typed is shown all the same.
    }
  }

  function changed() {
    show();
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  // Select2 announces its changes to jQuery alone.
  window.django?.jQuery?.(form).on("change", "select", changed);
  // On a return to this page, the browser may fill in the form after the script has run.
  window.addEventListener("pageshow", changed);
  show();
  preview.hidden = false;
})();
