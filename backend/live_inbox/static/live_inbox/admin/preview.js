// Previews the notification below the send form, as the inbox will show it.
"use strict";

(() => {
  const COLORS = 8;
  const preview = document.getElementById("inbox-preview");
  const fields = ["type", "title", "message", "link"].map((name) => document.getElementById(`id_${name}`));
  if (!preview || fields.includes(null)) return;
  const [type, title, message, link] = fields;
  const part = (name) => preview.querySelector(`[data-preview="${name}"]`);

  /** Returns the color number of a type, as `type_badge` in rendering.py: from the CRC-32 of its name. */
  function color(name) {
    let sum = 0xffffffff;
    for (const byte of new TextEncoder().encode(name)) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ((sum ^ 0xffffffff) >>> 0) % COLORS;
  }

  function show() {
    part("type").textContent = type.value;
    part("type").className = `inbox-badge inbox-type-${color(type.value)}`;
    part("type").hidden = type.value === "";
    part("title").textContent = title.value.trim() === "" ? "Title" : title.value;
    part("title").classList.toggle("inbox-missing", title.value.trim() === "");
    part("message").textContent = message.value;
    part("message").hidden = message.value === "";
    // Text only: whether it is acceptable as a link, the service decides when the form is sent.
    part("link").textContent = link.value.trim();
    part("link").hidden = link.value.trim() === "";
  }

  for (const field of fields) field.addEventListener("input", show);
  // On a return to this page, the browser may fill in the form after the script has run.
  window.addEventListener("pageshow", show);
  show();
  preview.hidden = false;
})();
