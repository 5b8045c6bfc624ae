"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const raised = (power) => String(power).replace(/[-0-9]/g, (one) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[one] ?? "⁻");

  /* As nctool.render.page.amounts.fixed writes them. */
  const fixed = (value, decimals) => {
    if (value === null || value === undefined) return "–";
    if (decimals !== "") return value.toFixed(decimals).replace("-", "−");
    if (value === 0) return "0";
    const [mantissa, power] = value.toExponential(2).split("e");
    return mantissa.replace("-", "−") + "×10" + raised(Number(power));
  };

  const load = async () => {
    const element = find("class-values") ?? find("nctool-data");
    if (!element.dataset.encoding) return JSON.parse(element.textContent);
    const bytes = Uint8Array.from(atob(element.textContent), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };

  const revealed = () => {
    const target = find(decodeURIComponent(location.hash.slice(1)));
    const around = target && target.closest("details");
    if (around && !around.open) {
      around.open = true;
      target.scrollIntoView();
    }
  };

  const openAll = () => {
    const button = find("open-all");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const all = [...document.querySelectorAll("details.metric")];
      const open = all.some((one) => !one.open);
      for (const one of all) one.open = open;
      button.textContent = open ? "Close all" : "Open all";
    });
  };

  const cell = (kind, text, row) => {
    const element = row.appendChild(document.createElement(kind));
    element.textContent = text;
    return element;
  };

  const written = (table, heads, values, names) => {
    const body = document.createElement("tbody");
    for (let place = 0; place < Number(table.dataset.size); place++) {
      const row = body.appendChild(document.createElement("tr"));
      row.dataset.class = place;
      const head = cell("th", String(place), row);
      head.scope = "row";
      if (names.has(place) && names.get(place) !== String(place)) {
        head.append(" ");
        cell("bdi", names.get(place), head);
      }
      for (const one of heads) {
        const value = values.get(one.dataset.column)[place];
        cell("td", fixed(value, one.dataset.decimals), row);
      }
    }
    table.tBodies[0].replaceWith(body);
  };

  const classes = async () => {
    const table = find("class-table");
    if (!table) return;
    const metrics = (await load()).metrics;
    const values = new Map(metrics.map((one) => [one.id, one.per_class ?? []]));
    const names = new Map();
    for (const one of metrics) for (const worst of one.worst ?? []) names.set(worst.class, worst.name);
    const heads = [...table.tHead.rows[0].cells];
    if (table.querySelector(".later")) {
      /* Control characters and marks that turn text around are spelt out, as everywhere. */
      for (const [place, name] of names) names.set(place, name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu,
        (one) => "\\x" + one.codePointAt(0).toString(16).padStart(2, "0")));
      written(table, heads.slice(1), values, names);
    }
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const place = (row) => Number(row.dataset.class);

    const sort = (head) => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const column = values.get(head.dataset.column);
      const size = (row) => column ? column[place(row)] ?? null : place(row);
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((one, other) => {
        const [a, b] = [size(one), size(other)];
        if (a === null || b === null) return (a === null) - (b === null) || place(one) - place(other);
        return (down ? b - a : a - b) || place(one) - place(other);
      });
      body.append(...rows);
    };
    for (const head of heads) head.querySelector("button").addEventListener("click", () => sort(head));

    const filter = find("class-filter");
    const narrow = () => {
      const wanted = filter.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      find("class-count").textContent = wanted ? `${shown} of ${rows.length}` : `${rows.length} classes`;
    };
    filter.addEventListener("input", narrow);

    const family = find("class-family");
    family.addEventListener("change", () => {
      heads.forEach((head, at) => {
        const off = at > 0 && family.value !== "" && head.dataset.family !== family.value;
        head.hidden = off;
        for (const row of rows) row.cells[at].hidden = off;
      });
    });
    /* Paper does not scroll: there the columns come a few at a time. */
    const printed = document.createElement("div");
    printed.className = "printed";
    addEventListener("beforeprint", () => {
      const shown = heads.map((head, at) => at).filter((at) => at > 0 && !heads[at].hidden);
      for (let from = 0; from < shown.length; from += 8) {
        const kept = new Set([0, ...shown.slice(from, from + 8)]);
        const copy = printed.appendChild(table.cloneNode(true));
        copy.removeAttribute("id");
        for (const row of copy.rows) {
          [...row.cells].forEach((one, at) => kept.has(at) || one.remove());
        }
      }
      table.parentElement.before(printed);
    });
    addEventListener("afterprint", () => {
      printed.replaceChildren();
      printed.remove();
    });
    find("class-tools").hidden = false;
    narrow();
  };

  openAll();
  revealed();
  addEventListener("hashchange", revealed);
  classes();
})();
