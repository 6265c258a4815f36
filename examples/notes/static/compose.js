/* Adds a note without leaving the page. The CSRF helper puts the token into fetch; without scripts the form posts. */
(() => {
  "use strict";

  const form = document.getElementById("compose");
  if (!form) return;
  const problem = form.querySelector(".message");
  const button = form.querySelector("button");

  const send = async () => {
    const note = {
      title: form.elements.title.value,
      body: form.elements.body.value,
      shared: form.elements.shared.checked,
    };
    const answer = await fetch("/api/notes", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(note),
    });
    if (answer.ok) return "";
    const said = await answer.json().catch(() => ({}));
    return (typeof said.detail === "string" && said.detail) || said.title || "That did not work.";
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const error = await send().catch(() => "The server can't be reached.");
    button.disabled = false;
    problem.hidden = !error;
    problem.textContent = error;
    if (error) return;
    form.reset();
    form.elements.title.focus();
    const offline = document.getElementById("live").dataset.state !== "on";
    if (offline) location.reload(); // else the WebSocket brings the note
  });
})();
