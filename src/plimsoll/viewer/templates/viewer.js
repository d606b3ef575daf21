"use strict";
(() => {
  const inField = (target) => target.matches("input:not([type=checkbox]), textarea, select");
  let sent = false;
  for (const form of document.querySelectorAll("form[data-word]")) {
    // A key that is pressed twice must not label the next answer, nor the same one again.
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
  }
  // Back from the browser's own history: the page is usable again.
  addEventListener("pageshow", () => { sent = false; });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (inField(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const found = Array.from(document.querySelectorAll("[data-key]")).find((item) => item.dataset.key === event.key);
    if (!found) return;
    event.preventDefault();
    if (inField(found)) found.focus();
    else found.click();
  });
  for (const button of document.querySelectorAll("[data-fill]")) {
    button.addEventListener("click", () => {
      const field = document.querySelector(`[name="${button.dataset.fill}"]`);
      field.value = button.dataset.value;
      field.focus();
    });
  }
  for (const form of document.querySelectorAll("form")) {
    if (form.method !== "get") continue;
    // What is empty asks for nothing: it need not stand in the address.
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of Array.from(event.formData)) if (value === "") event.formData.delete(name);
    });
    if (form.matches("[data-filter]")) {
      for (const choice of form.querySelectorAll("select")) choice.addEventListener("change", () => form.requestSubmit());
    }
  }
  const bar = document.querySelector("nav[data-state]");
  if (!bar) return;
  const told = bar.querySelector(".fresh");
  const look = async () => {
    try {
      const answer = await fetch(bar.dataset.state);
      if (answer.ok && (await answer.json()).stamp !== bar.dataset.stamp) told.hidden = false;
    } catch {
      // The viewer was ended: the page stays as it is.
    }
  };
  setInterval(look, 5000);
})();
