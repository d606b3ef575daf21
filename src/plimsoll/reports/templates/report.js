"use strict";
(() => {
  const list = document.getElementById("case-list");
  const tools = document.getElementById("case-tools");
  if (!list || !tools) return;
  const cases = Array.from(list.querySelectorAll("details.case"));
  const texts = new Map(cases.map((item) => [item, item.textContent.toLowerCase()]));
  const search = document.getElementById("case-search");
  const standing = document.getElementById("case-standing");
  const slice = document.getElementById("case-slice");
  const order = document.getElementById("case-order");
  const told = document.getElementById("case-count");
  const filter = () => {
    const word = search.value.trim().toLowerCase();
    let shown = 0;
    for (const item of cases) {
      const fits =
        (!word || texts.get(item).includes(word)) &&
        (!standing.value || item.dataset.standing === standing.value) &&
        (!slice || !slice.value || item.dataset.slices.split(" ").includes(slice.value));
      item.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    told.textContent = `${shown} of ${cases.length} shown`;
  };
  const sort = () => {
    const key = order.value === "place" ? "place" : "rank";
    cases.sort((a, b) => Number(a.dataset[key]) - Number(b.dataset[key]));
    list.append(...cases);
  };
  const toggle = document.getElementById("case-toggle");
  toggle.addEventListener("click", () => {
    const open = toggle.getAttribute("aria-pressed") !== "true";
    for (const item of cases) if (!item.hidden) item.open = open;
    toggle.setAttribute("aria-pressed", String(open));
    toggle.textContent = open ? "Close all" : "Open all";
  });
  search.addEventListener("input", filter);
  standing.addEventListener("change", filter);
  if (slice) slice.addEventListener("change", filter);
  order.addEventListener("change", sort);
  tools.hidden = false;
  filter();
})();
