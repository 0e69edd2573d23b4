// The fields that Select2 makes of a choice are named by what is chosen, and so by nothing while nothing is. Their label names
// them as well.
"use strict";

(() => {
  function nameFields() {
    for (const select of document.querySelectorAll("select.admin-autocomplete")) {
      const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
      if (!label) continue;
      label.id ||= `${select.id}_label`;
      const fields = select.parentElement.querySelectorAll(".select2-selection, [role=textbox], .select2-search__field");
      for (const field of fields) {
        const chosen = field.getAttribute("aria-labelledby");
        field.setAttribute("aria-labelledby", chosen ? `${label.id} ${chosen}` : label.id);
      }
    }
  }

  // By then, all scripts are there, whatever their order; and what is registered later runs after the making of the fields.
  window.addEventListener("load", () => window.django?.jQuery?.(nameFields));
})();
