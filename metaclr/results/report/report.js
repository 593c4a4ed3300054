// Sorting, filters, hover values and the color theme of a report. The page reads without this script, too.
"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  root.classList.add("script");

  // Color theme: the system's, until the button is pressed.
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("metaclr-theme", value);
      return localStorage.getItem("metaclr-theme");
    } catch { return null; } // some browsers refuse storage to files
  };
  if (stored()) root.dataset.theme = stored();
  document.getElementById("theme").addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    stored(root.dataset.theme);
  });

  // Sorting: the largest first, then the smallest first, then the order of the page again.
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    const text = cell.dataset.v ?? cell.textContent.trim();
    const number = parseFloat(text.replace(/−/g, "-").replace(/,/g, ""));
    return Number.isNaN(number) || column === 0 ? text.toLowerCase() : number;
  };
  const compare = (a, b) => {
    const numbers = typeof a === "number" && typeof b === "number";
    if (numbers) return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? 1 : -1; // what has no number is smallest
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  const sort = (table, body, original, heads, column) => {
    const head = heads[column];
    const order = { descending: "ascending", ascending: null }[head.getAttribute("aria-sort")];
    const next = order === undefined ? (column ? "descending" : "ascending") : column ? order : null;
    heads.forEach((h) => h.removeAttribute("aria-sort"));
    table.classList.toggle("sorted", next !== null);
    if (next === null) { body.append(...original); return; }
    head.setAttribute("aria-sort", next);
    const sign = next === "descending" ? -1 : 1;
    const rows = original.filter((row) => !row.classList.contains("family"));
    const keyed = rows.map((row) => [value(row, column), row]);
    const has = keyed.filter(([key]) => typeof key === "number");
    const rest = keyed.filter(([key]) => typeof key !== "number");
    const by = (a, b) => sign * compare(a[0], b[0]);
    // A row without a number is last in both directions.
    const sorted = column && has.length ? [...has.sort(by), ...rest] : keyed.sort(by);
    body.append(...sorted.map(([, row]) => row));
  };
  for (const table of all("table")) {
    const [body] = table.tBodies, { tHead } = table;
    if (!body || !tHead || body.rows.length < 2) continue;
    const [first, second] = tHead.rows;
    const heads = second ? [first.cells[0], ...second.cells] : [...first.cells];
    const original = [...body.rows];
    heads.forEach((head, column) => {
      head.classList.add("can-sort");
      head.tabIndex = 0;
      head.addEventListener("click", () => sort(table, body, original, heads, column));
      head.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(table, body, original, heads, column);
      });
    });
  }

  // Filters: methods by name, family and kind; columns by kind; targets. Cards and curves follow the methods.
  const tools = document.getElementById("filters");
  const filter = () => {
    const words = tools.querySelector("[name=search]").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const family = tools.querySelector("[name=family]")?.value ?? "";
    const target = tools.querySelector("[name=target]")?.value ?? "";
    const off = (what) => new Set(all(`[data-${what}][aria-pressed=false]`, tools).map((b) => b.dataset[what]));
    const kinds = off("kind"), columns = off("column");
    const shown = new Set(), methods = new Set();
    for (const row of all("table.scores tbody tr[data-method]")) {
      const name = row.dataset.method.toLowerCase();
      const fits = (!words.length || words.some((word) => name.includes(word)))
        && (!family || row.dataset.family === family) && !kinds.has(row.dataset.kind);
      row.classList.toggle("off", !fits);
      methods.add(row.dataset.method);
      if (fits) shown.add(row.dataset.method);
    }
    for (const row of all("table.scores tr.family")) {
      let next = row.nextElementSibling, some = false;
      for (; next && !next.classList.contains("family"); next = next.nextElementSibling) some ||= !next.classList.contains("off");
      row.classList.toggle("off", !some);
    }
    for (const part of all("[data-of]")) part.classList.toggle("off", methods.has(part.dataset.of) && !shown.has(part.dataset.of));
    for (const part of all("[data-column]:not(button)")) part.classList.toggle("off", columns.has(part.dataset.column));
    for (const part of all("[data-target]")) {
      const empty = part.matches(".scores-of") && all("thead tr:last-child th[data-column]", part).every((h) => h.classList.contains("off"));
      part.classList.toggle("off", empty || (target !== "" && part.dataset.target !== target));
    }
    document.getElementById("count").textContent = shown.size === methods.size ? `${methods.size} methods` : `${shown.size} of ${methods.size} methods`;
  };
  if (tools) {
    tools.addEventListener("input", filter);
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("button[aria-pressed]");
      if (!button) return;
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
      filter();
    });
    filter();
  }

  // Hover values: titles become one quick box, which shows thumbnails too.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  for (const part of all("[title]")) {
    part.dataset.tip = part.title;
    part.removeAttribute("title");
  }
  for (const title of all("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const show = (text, event, thumb) => {
    tip.replaceChildren(...(thumb ? [thumb] : []), text);
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), gap = 14;
    const left = event.clientX + gap + box.width > innerWidth ? event.clientX - gap - box.width : event.clientX + gap;
    const top = event.clientY + gap + box.height > innerHeight ? event.clientY - gap - box.height : event.clientY + gap;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  };
  const thumbnail = (sprite, place) => {
    const [x, y] = place.split(" ");
    const thumb = document.createElement("i");
    thumb.className = `thumb ${sprite}`;
    thumb.style.cssText = `--x:${x};--y:${y}`;
    return thumb;
  };
  document.addEventListener("pointermove", (event) => {
    const part = event.target.closest?.("[data-tip]");
    if (event.target.closest?.(".curves svg")) return;
    if (!part) { tip.hidden = true; return; }
    const sprite = event.target.closest(".map")?.dataset.sprite, place = event.target.dataset?.t;
    show(part.dataset.tip, event, sprite && place ? thumbnail(sprite, place) : null);
  });
  document.addEventListener("pointerdown", (event) => {
    const part = event.target.closest?.("[data-tip]");
    if (part) show(part.dataset.tip, event); else tip.hidden = true;
  });
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // Training curves: the nearest line at the pointer, with its values there.
  const focus = (group, selector) => {
    group.classList.toggle("focus", selector !== null);
    all(".on", group).forEach((part) => part.classList.remove("on"));
    if (selector) all(selector, group).forEach((part) => part.classList.add("on"));
  };
  const at = (line, x) => {
    const { points } = line;
    for (let i = 1; i < points.numberOfItems; i++) {
      const a = points.getItem(i - 1), b = points.getItem(i);
      if (x <= b.x) return a.y + (b.x > a.x ? (x - a.x) / (b.x - a.x) : 0) * (b.y - a.y);
    }
    return null;
  };
  const named = (name) => `[data-of="${CSS.escape(name)}"]`;
  for (const svg of all(".curves svg.panel")) {
    const group = svg.closest(".curves"), of = svg.dataset;
    const number = (pixel, start, end, low, high) => +low + ((pixel - start) / (end - start)) * (high - low);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
      const x = ((event.clientX - box.left) / box.width) * view.width, y = ((event.clientY - box.top) / box.height) * view.height;
      let best = null, distance = 40;
      for (const line of all("polyline:not(.off)", svg)) {
        const place = at(line, Math.max(x, line.points.getItem(0).x));
        if (place !== null && Math.abs(place - y) < distance) [best, distance] = [[line, place], Math.abs(place - y)];
      }
      if (!best) { focus(group, null); tip.hidden = true; return; }
      const name = best[0].dataset.of;
      focus(group, named(name));
      const views = number(Math.max(x, best[0].points.getItem(0).x), of.left, of.right, of.x0, of.x1), measured = number(best[1], of.bottom, of.top, of.y0, of.y1);
      show(`${name}\n${views.toFixed(1)} thousand views: ${measured.toFixed(measured < 10 ? 3 : 1)}`, event);
    });
    svg.addEventListener("pointerleave", () => { focus(group, null); tip.hidden = true; });
  }
  for (const [groups, key, selector] of [[".curves", "of", (v) => `.panel ${named(v)}`], [".maps", "class", (v) => `.map [data-class="${CSS.escape(v)}"]`]]) {
    for (const group of all(groups)) {
      for (const item of all(`.legend [data-${key}]`, group)) {
        item.addEventListener("pointerenter", () => focus(group, selector(item.dataset[key])));
        item.addEventListener("pointerleave", () => focus(group, null));
      }
    }
  }
})();
