"use strict";
// Sorts the table of findings by a column: by the cell's data-key if it has one, else by its text.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const row = head.parentElement;
    const body = head.closest("table").tBodies[0];
    const column = [...row.cells].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    const key = (line) => line.cells[column].dataset.key ?? line.cells[column].textContent.trim();
    const order = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
    const lines = [...body.rows].sort((a, b) => (down ? order(b, a) : order(a, b)));
    for (const cell of row.cells) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...lines);
  });
}
