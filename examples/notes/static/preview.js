/* Inserts a Markdown link whose text is the title of the page behind it. */
(() => {
  "use strict";

  const form = document.getElementById("link");
  const body = document.getElementById("body");
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");

  const titleOf = async (url) => {
    const answer = await fetch("/api/previews", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ url }),
    });
    return answer.ok ? (await answer.json()).title : null;
  };

  const escaped = (text) => text.replace(/[\\[\]`*_<>]/g, "\\$&");

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const url = form.elements.url.value;
    status.textContent = "Looking…";
    button.disabled = true;
    const title = await titleOf(url).catch(() => null);
    button.disabled = false;
    status.textContent = title === null ? "No preview for this address; inserted as it is." : "Inserted.";
    body.setRangeText(`[${escaped(title || url)}](<${url}>)`, body.selectionStart, body.selectionEnd, "end");
    form.reset();
  });
})();
