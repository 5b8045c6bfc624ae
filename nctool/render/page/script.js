"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const every = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const raised = (power) => String(power).replace(/[-0-9]/g, (one) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[one] ?? "⁻");

  /* As nctool.render.page.amounts.fixed writes them. */
  const fixed = (value, decimals) => {
    if (value === null || value === undefined) return "–";
    if (decimals !== "") return value.toFixed(decimals).replace("-", "−");
    if (value === 0) return "0";
    const [mantissa, power] = value.toExponential(2).split("e");
    return mantissa.replace("-", "−") + "×10" + raised(Number(power));
  };

  const load = async (element) => {
    if (!element) return {};
    if (!element.dataset.encoding) return JSON.parse(element.textContent);
    const bytes = Uint8Array.from(atob(element.textContent), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };

  /* A link opens whatever its target is folded into. */
  const revealed = () => {
    const target = find(decodeURIComponent(location.hash.slice(1)));
    let folded = false;
    for (let one = target; one; one = one.parentElement) {
      if (one.matches("details:not([open])")) folded = one.open = true;
    }
    if (folded) target.scrollIntoView();
  };

  const openAll = () => {
    const button = find("open-all");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const all = every("details.metric");
      const open = all.some((one) => !one.open);
      for (const one of all) one.open = open;
      button.textContent = open ? "Close all" : "Open all";
    });
  };

  /* Beside the page where there is room, else folded above it. */
  const contents = () => {
    const list = document.querySelector(".contents details");
    const wide = matchMedia("(min-width: 76rem)");
    const fit = () => { list.open = wide.matches; };
    wide.addEventListener("change", fit);
    fit();
    list.addEventListener("click", (event) => {
      if (event.target.matches("a") && !wide.matches) list.open = false;
    });
  };

  /* Nobody opens anything on paper. */
  const unfolded = () => {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = every("details.fold:not([open])");
      for (const one of opened) one.open = true;
    });
    addEventListener("afterprint", () => {
      for (const one of opened) one.open = false;
    });
  };

  /* One moment for all curves: where the mouse is, or where the slider stands. */
  const cursor = ({ x, labels, curves }) => {
    const slider = find("moment");
    const { top, bottom } = find("moment-tools").dataset;
    const spans = every("[data-curve]").map((one) => [one, one.textContent]);
    const show = (at) => {
      slider.value = at;
      find("cursor").setAttribute("d", `M${x[at]} ${top}V${bottom}`);
      find("moment-name").textContent = labels[at];
      slider.setAttribute("aria-valuetext", labels[at]);
      for (const [one] of spans) one.textContent = curves[one.dataset.curve][at];
    };
    const rest = () => {
      find("cursor").removeAttribute("d");
      slider.value = x.length - 1;
      find("moment-name").textContent = labels[x.length - 1];
      for (const [one, text] of spans) one.textContent = text;
    };
    slider.max = x.length - 1;
    rest();
    slider.addEventListener("input", () => show(Number(slider.value)));
    slider.addEventListener("blur", rest);
    for (const plot of every(".course .plot")) {
      plot.addEventListener("pointermove", (event) => {
        const box = plot.getBoundingClientRect();
        const here = (event.clientX - box.left) / box.width * plot.viewBox.baseVal.width;
        show(x.reduce((best, one, at) => Math.abs(one - here) < Math.abs(x[best] - here) ? at : best, 0));
      });
      plot.addEventListener("pointerleave", rest);
    }
    find("moment-tools").hidden = x.length < 2;
  };

  /* A cell says its two classes and their cosine, to the mouse and to the arrow keys. */
  const heatmap = (plot, { parts, block, order, cells }, names) => {
    const read = plot.parentElement.querySelector(".read");
    const [left, side] = [Number(plot.dataset.left), Number(plot.dataset.side)];
    const size = cells.length;
    const step = side / size;
    const frame = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    frame.setAttribute("class", "here");
    frame.setAttribute("width", Math.max(step, 3));
    frame.setAttribute("height", Math.max(step, 3));
    const title = (row) => {
      const inside = order.slice(row * block, (row + 1) * block).map((one) => names[one] ?? `class ${one}`);
      return inside.length > 3 ? `${inside.slice(0, 2).join(", ")} and ${inside.length - 2} more` : inside.join(", ");
    };
    let [row, column] = [0, 0];
    const show = () => {
      const [low, high] = row < column ? [row, column] : [column, row];
      const cosine = cells[low][high - low];
      const value = cosine === null ? "itself" : (cosine / parts).toFixed(Math.log10(parts)).replace("-", "−");
      read.textContent = row === column && block === 1 ? title(row)
        : `${title(row)} – ${title(column)}: ${block > 1 ? "mean " : ""}${value}`;
      frame.setAttribute("x", left + column * step);
      frame.setAttribute("y", row * step);
      plot.append(frame);
    };
    const rest = () => { read.textContent = ""; frame.remove(); };
    const place = (share) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const unit = plot.viewBox.baseVal.width / box.width;
      column = place(((event.clientX - box.left) * unit - left) / side);
      row = place((event.clientY - box.top) * unit / side);
      show();
    });
    plot.addEventListener("pointerleave", rest);
    plot.addEventListener("blur", rest);
    plot.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      if (!steps[event.key]) return;
      event.preventDefault();
      const [down, right] = steps[event.key];
      row = Math.min(size - 1, Math.max(0, row + down));
      column = Math.min(size - 1, Math.max(0, column + right));
      show();
    });
  };

  const cell = (kind, text, row) => {
    const element = row.appendChild(document.createElement(kind));
    element.textContent = text;
    return element;
  };

  const written = (place, heads, values, names) => {
    const row = document.createElement("tr");
    row.dataset.class = place;
    const head = cell("th", String(place), row);
    head.scope = "row";
    if (names[place]) {
      head.append(" ");
      cell("bdi", names[place], head);
    }
    for (const one of heads.slice(1)) {
      const value = values.get(one.dataset.column)[place];
      cell("td", fixed(value, one.dataset.decimals), row).hidden = one.hidden;
    }
    return row;
  };

  /* Of a hundred thousand classes a browser shows the first: the others are found by their names. */
  const MOST_ROWS = 2000;

  const classes = async (names) => {
    const table = find("class-table");
    if (!table) return;
    const heads = [...table.tHead.rows[0].cells];
    const metrics = heads.length > 1 ? (await load(find("class-values") ?? find("nctool-data"))).metrics : [];
    const values = new Map(metrics.map((one) => [one.id, one.per_class ?? []]));
    const body = table.tBodies[0];
    const rows = new Map(every("tr[data-class]", body).map((row) => [Number(row.dataset.class), row]));
    const order = [...Array(Number(table.dataset.size)).keys()];
    const texts = order.map((place) => `${place} ${names[place] ?? ""}`.toLowerCase());
    const row = (place) => {
      if (!rows.has(place)) rows.set(place, written(place, heads, values, names));
      return rows.get(place);
    };
    const number = (size) => size.toLocaleString("en");

    const filter = find("class-filter");
    const narrow = () => {
      const wanted = filter.value.trim().toLowerCase();
      const kept = order.filter((place) => texts[place].includes(wanted));
      body.replaceChildren(...kept.slice(0, MOST_ROWS).map(row));
      const more = kept.length > MOST_ROWS ? `, the first ${number(MOST_ROWS)} shown` : "";
      const all = number(order.length);
      find("class-count").textContent = (wanted ? `${number(kept.length)} of ${all}` : `${all} classes`) + more;
    };
    filter.addEventListener("input", narrow);

    const sort = (head) => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const column = values.get(head.dataset.column);
      const size = (place) => column ? column[place] ?? null : place;
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      order.sort((one, other) => {
        const [a, b] = [size(one), size(other)];
        if (a === null || b === null) return (a === null) - (b === null) || one - other;
        return (down ? b - a : a - b) || one - other;
      });
      narrow();
    };
    for (const head of heads) head.querySelector("button").addEventListener("click", () => sort(head));

    const family = find("class-family");
    family?.addEventListener("change", () => {
      heads.forEach((head, at) => {
        const off = at > 0 && family.value !== "" && !head.dataset.column.startsWith(family.value + ".");
        head.hidden = off;
        for (const one of rows.values()) one.cells[at].hidden = off;
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
      if (shown.length) table.parentElement.before(printed);
    });
    addEventListener("afterprint", () => {
      printed.replaceChildren();
      printed.remove();
    });
    find("class-tools").hidden = false;
    narrow();
  };

  contents();
  openAll();
  revealed();
  unfolded();
  addEventListener("hashchange", revealed);
  load(find("page-data")).then((data) => {
    const names = data.names ?? {};
    if (data.cursor) cursor(data.cursor);
    for (const plot of every("[data-map]")) heatmap(plot, data.maps[plot.dataset.map], names);
    return classes(names);
  });
})();
