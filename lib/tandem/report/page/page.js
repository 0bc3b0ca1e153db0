"use strict";

// Experiments: a filter and a sort for the table of all. What does not fit is hidden.
for (const table of document.querySelectorAll("table.experiments")) {
  const bodies = [...table.tBodies], size = bodies[0].rows.length, every = [...table.querySelectorAll("tbody tr")];
  const status = document.querySelector(".shown"), order = new Intl.Collator("en", { numeric: true });
  const input = document.createElement("input"), label = document.createElement("label");
  let texts;
  function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    texts ??= new Map(every.map((row) => [row, row.textContent.toLowerCase()]));
    let shown = 0;
    for (const body of bodies) {
      let here = 0;
      for (const row of body.rows) {
        const fits = words.every((word) => texts.get(row).includes(word));
        if (row.hidden === fits) row.hidden = !fits;
        here += fits;
      }
      body.hidden = here === 0;
      shown += here;
    }
    status.textContent = `${shown} of ${every.length} experiments shown`;
  }
  function sort(head, column) {
    const down = head.ariaSort === "ascending", sign = down ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keys = new Map(every.map((row) => [row, row.cells[column].textContent]));
    const unknown = (row) => keys.get(row) === "–";
    every.sort((a, b) => unknown(a) - unknown(b) || sign * order.compare(keys.get(a), keys.get(b)));
    bodies.forEach((body, at) => body.replaceChildren(...every.slice(at * size, (at + 1) * size)));
    show();
  }
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
  });
  input.type = "search";
  input.addEventListener("input", show);
  label.append("Only experiments with these words: ", input);
  status.before(label);
}
