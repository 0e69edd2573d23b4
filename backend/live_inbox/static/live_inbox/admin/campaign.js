// Moves the progress bar of a campaign, and asks the server to work on it meanwhile.
"use strict";

(() => {
  const PAUSE_MS = 500;
  const FAILED_PAUSE_MS = 5000;
  const page = document.getElementById("inbox-campaign");
  if (!page || page.dataset.due !== "true") return;
  const bar = page.querySelector("progress");
  const token = page.querySelector('[name="csrfmiddlewaretoken"]');
  const number = new Intl.NumberFormat("en", { useGrouping: false });

  function show(answer) {
    const state = page.querySelector('[data-field="text"]');
    if (state.textContent !== answer.text) state.textContent = answer.text;
    bar.max = answer.total;
    bar.value = answer.done;
    for (const [name, count] of Object.entries(answer.counts)) {
      page.querySelector(`[data-count="${name}"]`).textContent = number.format(count);
    }
    if (!answer.isDue) for (const each of page.querySelectorAll('[data-while="sending"]')) each.hidden = true;
  }

  // The rest of the page is as it was when the page was opened.
  async function showFields() {
    const answer = await fetch(location.href);
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("#bulksend_form fieldset");
    document.querySelectorAll("#bulksend_form fieldset").forEach((each, place) => fresh[place] && each.replaceWith(fresh[place]));
  }

  async function ask() {
    const works = page.dataset.works === "true" && token !== null;
    const options = works ? { method: "POST", headers: { "X-CSRFToken": token.value } } : {};
    try {
      const answer = await fetch(page.dataset.url, options);
      if (!answer.ok) throw new Error(String(answer.status));
      const progress = await answer.json();
      show(progress);
      if (progress.isDue) setTimeout(ask, PAUSE_MS);
      else showFields().catch(() => {});
    } catch {
      setTimeout(ask, FAILED_PAUSE_MS);
    }
  }

  ask();
})();
