// The review: zoom, brightness, keys and boxes to cover, and forms without loading the page again, so that the next
// picture is there already.
"use strict";
(() => {
  const main = document.getElementById("main");
  let scale, x, y, light, inverted, preloaded, drawing, boxes, drag;
  const find = (id) => document.getElementById(id);

  const draw = () => {
    const glass = find("glass");
    if (!glass) return;
    for (const one of glass.children) one.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    for (const one of glass.querySelectorAll("img")) {
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

  // Boxes to cover, in the picture's pixels: left, top, width, height.
  const size = () => [find("copy").naturalWidth, find("copy").naturalHeight];
  const keepIn = ([left, top, width, height]) => {
    const [w, h] = size();
    width = Math.max(1, Math.min(w, Math.round(width)));
    height = Math.max(1, Math.min(h, Math.round(height)));
    return [Math.max(0, Math.min(w - width, Math.round(left))), Math.max(0, Math.min(h - height, Math.round(top))), width, height];
  };
  // The point of the picture under the pointer: it is scaled to fit, in the middle.
  const point = (event) => {
    const place = find("copy").getBoundingClientRect();
    const [w, h] = size();
    const factor = Math.min(place.width / w, place.height / h);
    const at = (client, start, length, own) => (client - start - (length - own * factor) / 2) / factor;
    return [at(event.clientX, place.left, place.width, w), at(event.clientY, place.top, place.height, h)];
  };
  const between = ([ax, ay], [bx, by]) => {
    const [w, h] = size();
    const [l, r] = [Math.min(ax, bx), Math.max(ax, bx)].map((v) => Math.max(0, Math.min(w, v)));
    const [t, b] = [Math.min(ay, by), Math.max(ay, by)].map((v) => Math.max(0, Math.min(h, v)));
    return [l, t, r - l, b - t];
  };
  const outline = (focused = -1) => {
    const svg = find("drawn");
    svg.setAttribute("viewBox", `0 0 ${size().join(" ")}`);
    const all = drag ? [...boxes, between(drag, drag[2])] : boxes;
    svg.replaceChildren(...all.map(([left, top, width, height], index) => {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({ x: left, y: top, width, height })) rect.setAttribute(name, value);
      rect.classList.toggle("focused", index === focused);
      return rect;
    }));
  };
  // Nothing is released that could not be looked at, and what is drawn and not covered yet would be
  // released with the rest.
  const guard = () => {
    const [copy, release] = [find("copy"), find("release")];
    if (release) release.disabled = boxes.length > 0 || !copy.complete || copy.naturalWidth === 0;
  };
  const list = (focused = -1) => {
    outline(focused);
    const items = boxes.map(([left, top, width, height], index) => {
      const [item, button] = [document.createElement("li"), document.createElement("button")];
      button.type = "button";
      button.className = "quiet box";
      button.dataset.index = index;
      button.setAttribute("aria-describedby", "covering-help");
      button.textContent = `Box ${index + 1}: ${width} × ${height} at ${left}, ${top}`;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "quiet";
      remove.dataset.remove = index;
      remove.setAttribute("aria-label", `Remove box ${index + 1}`);
      remove.textContent = "×";
      item.append(button, remove);
      return item;
    });
    find("boxes").replaceChildren(...items);
    find("boxes").children[focused]?.firstChild.focus();
    find("box-field").value = boxes.map((box) => box.join(",")).join(";");
    find("apply").disabled = boxes.length === 0;
    guard();
    const count = boxes.length === 1 ? "1 box is" : `${boxes.length} boxes are`;
    find("box-count").textContent = boxes.length ? `${count} drawn. Cover or delete before a release.` : "";
  };
  const cover = () => {
    if (!find("covering")) return;
    drawing = !drawing;
    if (drawing && find("source") && !find("source").hidden) before();
    find("covering").hidden = !drawing;
    find("glass").classList.toggle("drawing", drawing);
    find("cover").setAttribute("aria-pressed", String(drawing));
    if (!drawing) boxes = [];
    list();
    if (drawing) find("add").focus();
  };
  const add = () => {
    const glass = find("glass").getBoundingClientRect();
    const [cx, cy] = point({ clientX: glass.left + glass.width / 2, clientY: glass.top + glass.height / 2 });
    const [width, height] = size().map((side) => side / 5 / scale);
    boxes.push(keepIn([cx - width / 2, cy - height / 4, width, height / 2]));
    list(boxes.length - 1);
  };
  const drop = (index) => {
    boxes.splice(index, 1);
    list(Math.min(index, boxes.length - 1));
    if (!boxes.length) find("add").focus();
  };
  const edit = (event) => {
    const index = Number(event.target.dataset.index);
    const step = Math.max(1, Math.round(size()[0] / 100 / scale));
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) {
      const [left, top, width, height] = boxes[index];
      boxes[index] = keepIn(event.shiftKey
        ? [left, top, width + move[0], height + move[1]] : [left + move[0], top + move[1], width, height]);
      list(index);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      drop(index);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  };

  const acts = {
    closer: () => zoom(1.5), wider: () => zoom(1 / 1.5), fit, brighter: () => shine(1.4),
    darker: () => shine(1 / 1.4), invert, before, cover, add,
  };
  const keys = {
    r: "release", x: "reject", s: "skip", u: "undo", "+": "closer", "=": "closer", "-": "wider", 0: "fit",
    "]": "brighter", "[": "darker", i: "invert", b: "before",
    c: "cover",
  };

  const prepare = () => {
    fit();
    [drawing, boxes, drag] = [false, [], undefined];
    if (find("tools")) find("tools").hidden = false;
    guard();
    for (const end of ["load", "error"]) find("copy")?.addEventListener(end, guard);
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
      problem.textContent = "The host does not respond. It is not known whether this was done: look at the copy again.";
      main.prepend(problem);
    } finally {
      busy = false;
    }
  };

  main.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter);
  });
  main.addEventListener("click", (event) => {
    const { remove } = event.target.dataset;
    if (remove) drop(Number(remove));
    else acts[event.target.id]?.();
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === "text") return;
    if (event.target.classList.contains("box") && edit(event)) return;
    if (document.activeElement?.id === "glass") {
      const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (step && scale > 1) {
        event.preventDefault();
        return move(...step);
      }
    }
    const name = keys[event.key.toLowerCase()];
    // A key that is held down decides once.
    if (event.repeat && ["release", "reject", "skip", "undo"].includes(name)) return;
    if (name && find("keys")?.checked !== false) find(name)?.click();
  });

  // Drag the picture, or click a point to bring it to the middle.
  let from;
  main.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#glass")) return;
    if (drawing) {
      const start = point(event);
      drag = [start[0], start[1], start];
      find("glass").setPointerCapture(event.pointerId);
    } else from = [event.clientX, event.clientY, false];
  });
  addEventListener("pointermove", (event) => {
    if (drag) {
      drag[2] = point(event);
      return outline();
    }
    if (!from || scale === 1) return;
    const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
    if (!from[2] && Math.hypot(dx, dy) < 4) return;
    move(dx, dy);
    from = [event.clientX, event.clientY, true];
  });
  addEventListener("pointercancel", () => {
    if (drag) drag = outline();
  });
  addEventListener("pointerup", (event) => {
    if (drag) {
      const box = between(drag, point(event));
      drag = undefined;
      if (box[2] >= 2 && box[3] >= 2) boxes.push(keepIn(box));
      return list();
    }
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
