// The review: zoom, brightness and keys, and forms without loading the page again, so that the next
// picture is there already.
"use strict";
(() => {
  const main = document.getElementById("main");
  let scale, x, y, light, inverted, preloaded;
  const find = (id) => document.getElementById(id);

  const draw = () => {
    const glass = find("glass");
    if (!glass) return;
    for (const one of glass.querySelectorAll("img")) {
      one.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      one.style.filter = `brightness(${light}) invert(${inverted ? 1 : 0})`;
    }
    glass.classList.toggle("enlarged", scale > 1);
  };
  const move = (dx, dy) => {
    const glass = find("glass");
    const reach = (size) => (size * (scale - 1)) / 2;
    const keep = (value, most) => Math.max(-most, Math.min(most, value));
    x = keep(x + dx, reach(glass.clientWidth));
    y = keep(y + dy, reach(glass.clientHeight));
    draw();
  };
  const zoom = (factor) => {
    const before = scale;
    scale = Math.max(1, Math.min(16, scale * factor));
    x *= scale / before;
    y *= scale / before;
    move(0, 0);
  };
  const fit = () => {
    [scale, x, y, light, inverted] = [1, 0, 0, 1, false];
    find("invert")?.setAttribute("aria-pressed", "false");
    draw();
  };
  const shine = (factor) => {
    light = Math.max(0.25, Math.min(8, light * factor));
    draw();
  };
  const invert = () => {
    inverted = !inverted;
    find("invert").setAttribute("aria-pressed", String(inverted));
    draw();
  };
  const before = () => {
    const source = find("source");
    if (!source) return;
    source.hidden = !source.hidden;
    find("copy").hidden = !source.hidden;
    find("before").setAttribute("aria-pressed", String(!source.hidden));
  };
  const acts = {
    closer: () => zoom(1.5), wider: () => zoom(1 / 1.5), fit, brighter: () => shine(1.4),
    darker: () => shine(1 / 1.4), invert, before,
  };
  const keys = {
    r: "release", x: "reject", s: "skip", u: "undo", "+": "closer", "=": "closer", "-": "wider", 0: "fit",
    "]": "brighter", "[": "darker", i: "invert", b: "before",
  };

  const prepare = () => {
    fit();
    if (find("tools")) find("tools").hidden = false;
    const box = find("keys");
    if (box) {
      box.checked = sessionStorage.getItem("keys") !== "off";
      box.addEventListener("change", () => sessionStorage.setItem("keys", box.checked ? "on" : "off"));
    }
    // Without a reference the browser would drop it.
    const next = find("review")?.dataset.next;
    if (next) {
      preloaded = new Image();
      preloaded.src = next;
    }
    for (const form of document.querySelectorAll(".undo")) {
      setTimeout(() => form.remove(), Math.max(0, Number(form.dataset.due) - Date.now()));
    }
  };

  let busy = false;
  const send = async (form, button) => {
    if (busy) return;
    busy = true;
    try {
      const body = new URLSearchParams(new FormData(form, button));
      const response = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
      if (response.status === 401 || new URL(response.url).pathname === "/login") return location.assign("/login");
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      main.replaceChildren(...document.adoptNode(page.getElementById("main")).childNodes);
      document.title = page.title;
      history.replaceState(null, "", response.redirected ? response.url : "/review");
      prepare();
      main.focus();
    } catch {
      const problem = document.createElement("p");
      problem.className = "problem";
      problem.setAttribute("role", "alert");
      problem.textContent = "The host does not respond. Nothing was decided; try again.";
      main.prepend(problem);
    } finally {
      busy = false;
    }
  };

  main.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter);
  });
  main.addEventListener("click", (event) => acts[event.target.id]?.());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === "text") return;
    if (document.activeElement?.id === "glass") {
      const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (step && scale > 1) {
        event.preventDefault();
        return move(...step);
      }
    }
    const name = keys[event.key.toLowerCase()];
    if (name && find("keys")?.checked !== false) find(name)?.click();
  });

  // Drag the picture, or click a point to bring it to the middle.
  let from;
  main.addEventListener("pointerdown", (event) => {
    if (event.target.closest("#glass")) from = [event.clientX, event.clientY, false];
  });
  addEventListener("pointermove", (event) => {
    if (!from || scale === 1) return;
    const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
    if (!from[2] && Math.hypot(dx, dy) < 4) return;
    move(dx, dy);
    from = [event.clientX, event.clientY, true];
  });
  addEventListener("pointerup", (event) => {
    const box = from && !from[2] && scale > 1 && find("glass")?.getBoundingClientRect();
    from = undefined;
    if (box) move(box.left + box.width / 2 - event.clientX, box.top + box.height / 2 - event.clientY);
  });
  main.addEventListener("dragstart", (event) => event.preventDefault());
  main.addEventListener("wheel", (event) => {
    if (!event.target.closest("#glass") || !event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2);
  }, { passive: false });

  // Within the review a decision keeps its time.
  let stays = false;
  addEventListener("click", (event) => {
    stays = event.target.closest?.("a")?.pathname.startsWith("/review") ?? false;
  });
  addEventListener("pagehide", () => {
    if (stays) return;
    const token = document.querySelector("[name=form_token]")?.value;
    if (token) navigator.sendBeacon("/review/now", new URLSearchParams({ form_token: token }));
  });
  prepare();
})();
