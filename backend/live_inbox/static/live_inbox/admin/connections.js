// Asks the servers which devices of a user are connected, and lists what they answer within two seconds, each with a
// button that disconnects it.
"use strict";

(() => {
  const WAIT_MS = 250;
  const LOOKS = 8;
  const page = document.getElementById("inbox-connections");
  if (!page) return;
  const status = page.querySelector('[data-field="status"]');
  const table = page.querySelector("table");
  const disconnecting = document.getElementById("inbox-disconnect");
  const token = page.querySelector('[name="csrfmiddlewaretoken"]');

  async function get(address, options) {
    const answer = await fetch(address, options);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function rowOf(device) {
    const row = document.createElement("tr");
    for (const name of ["api", "since", "until", "position", "address", "process"]) {
      row.insertCell().textContent = device[name];
    }
    const button = document.createElement("button");
    button.textContent = "Disconnect";
    button.setAttribute("form", disconnecting.id);
    button.name = "socket";
    button.value = device.id;
    row.insertCell().append(button);
    return row;
  }

  let shown = "";

  function show({ processes, devices }) {
    // What stays is left alone: somebody may be about to press a button.
    const now = JSON.stringify(devices);
    if (now !== shown) table.tBodies[0].replaceChildren(...devices.map(rowOf));
    shown = now;
    table.hidden = devices.length === 0;
    const count = devices.length === 1 ? "1 device" : `${devices.length} devices`;
    const of = processes === 1 ? "1 server process has answered" : `${processes} server processes have answered`;
    status.textContent = `${count}: ${of}.`;
  }

  async function ask() {
    status.textContent = "Asking the servers.";
    try {
      const { inquiry } = await get(page.dataset.url, { method: "POST", headers: { "X-CSRFToken": token.value } });
      disconnecting.elements.inquiry.value = inquiry;
      for (let look = 0; look < LOOKS; look += 1) {
        await new Promise((done) => setTimeout(done, WAIT_MS));
        show(await get(`${page.dataset.url}?inquiry=${inquiry}`));
      }
    } catch {
      status.textContent = "The servers could not be asked.";
    }
  }

  ask();
})();
