/* Keeps the list of notes up to date over a WebSocket. Text goes in as text: no HTML is ever made from a message. */
(() => {
  "use strict";

  const list = document.getElementById("notes");
  const template = document.getElementById("note-card");
  const empty = document.getElementById("empty");
  const sign = document.getElementById("live");
  const follow = list.dataset.live === "yes"; // a search or an older page stays as it is
  const LONGEST_PAUSE = 30_000;
  let pause = 1000;

  const show = (on) => {
    sign.dataset.state = on ? "on" : "off";
    sign.querySelector(".live-text").textContent = on ? "live" : "offline";
  };

  const find = (id) => list.querySelector(`[data-id="${CSS.escape(id)}"]`);

  const initials = (name) => {
    const words = name.split(/\s+/).filter(Boolean);
    const first = (word) => Array.from(word)[0] || "";
    return (first(words[0] || "") + (words.length > 1 ? first(words[words.length - 1]) : "")).toUpperCase();
  };

  const hue = (name) => new TextEncoder().encode(name).reduce((sum, byte) => sum + byte, 0) % 8; // as the server does

  const clock = new Intl.DateTimeFormat("en-GB", {
    day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC",
  });
  const moment = (text) => clock.format(new Date(text)) + " UTC";

  const fill = (card, note) => {
    card.dataset.id = note.id;
    const link = card.querySelector("h2 a");
    link.textContent = note.title;
    link.setAttribute("href", "/notes/" + encodeURIComponent(note.id));
    card.querySelector(".excerpt").textContent = note.excerpt;
    const avatar = card.querySelector(".avatar");
    avatar.textContent = initials(note.owner.name);
    avatar.className = "avatar small hue-" + hue(note.owner.name);
    card.querySelector(".author").textContent = note.owner.name;
    const time = card.querySelector("time");
    time.setAttribute("datetime", note.updated);
    time.textContent = moment(note.updated);
    card.querySelector(".badge").hidden = !note.shared;
  };

  const apply = (message) => {
    let card = find(message.id);
    if (message.kind === "deleted") {
      if (card) card.remove();
    } else if (follow || card) {
      card = card || document.importNode(template.content, true).firstElementChild;
      fill(card, message.note);
      if (follow) list.prepend(card);
    }
    empty.hidden = list.childElementCount > 0;
  };

  const connect = () => {
    const socket = new WebSocket(new URL("/live", location.href.replace(/^http/, "ws")));
    socket.addEventListener("open", () => { pause = 1000; show(true); });
    socket.addEventListener("message", (event) => apply(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      show(false);
      if (event.code === 1008) return; // logged out
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };

  connect();
})();
