// The field that Select2 makes of a choice is named by what is chosen, and so by nothing while nothing is. Its label names it
// as well.
"use strict";

(() => {
  function nameFields() {
    for (const select of document.querySelectorAll("select.admin-autocomplete")) {
      const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
      const field = select.parentElement?.querySelector(".select2-selection[role=combobox]");
      const chosen = field?.querySelector("[role=textbox]");
      if (!label || !field || !chosen) continue;
      label.id ||= `${select.id}_label`;
      field.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
      chosen.setAttribute("aria-labelledby", label.id);
    }
  }

  // By then, all scripts are there, whatever their order; and what is registered later runs after the making of the fields.
  window.addEventListener("load", () => window.django?.jQuery?.(nameFields));
})();
