// The live view: rows and numbers arrive as HTML that the host has rendered for this session.
"use strict";
(() => {
  const rows = document.getElementById("rows");
  if (!rows) return;
  const MOST = 200;
  const state = document.getElementById("state");
  const dot = document.getElementById("dot");
  const pause = document.getElementById("pause");
  const empty = document.getElementById("empty");
  let held = [];
  let isPaused = false;

  const say = (text, style) => {
    if (state.textContent !== text) state.textContent = text;
    dot.className = "dot " + style;
  };

  const add = (html) => {
    empty.hidden = true;
    rows.insertAdjacentHTML("afterbegin", html);
    while (rows.children.length > MOST) rows.lastElementChild.remove();
  };

  const source = new EventSource("/events?after=" + rows.dataset.last);
  source.addEventListener("open", () => isPaused || say("Live", "live"));
  source.addEventListener("error", () => isPaused || say("Connection lost, trying again", "lost"));
  source.addEventListener("row", (event) => {
    if (!isPaused) return add(event.data);
    held.push(event.data);
    if (held.length > MOST) held.shift();
    say("Paused, " + held.length + " new", "paused");
  });
  for (const name of ["tiles", "charts", "failures"]) {
    const region = document.getElementById(name);
    source.addEventListener(name, (event) => {
      if (!isPaused) region.innerHTML = event.data;
    });
  }
  source.addEventListener("ended", () => {
    source.close();
    location.assign("/login");
  });

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Resume" : "Pause";
    if (isPaused) return say("Paused", "paused");
    held.forEach(add);
    held = [];
    say("Live", "live");
  });

  // A session ends when nobody has used the page for a while.
  let told = Date.now();
  const alive = () => {
    if (Date.now() - told < 60000) return;
    told = Date.now();
    fetch("/alive", { method: "POST" });
  };
  for (const name of ["pointermove", "keydown", "scroll"]) addEventListener(name, alive, { passive: true });
})();
