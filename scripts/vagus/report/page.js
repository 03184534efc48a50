(function () {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = read("figures");
  const tables = read("tables");
  const drawn = new Set();

  // Colours of text and grid belong to the page, so that light, dark and print agree.
  function theme(print) {
    const style = getComputedStyle(document.documentElement);
    const pick = (name) => style.getPropertyValue(name).trim();
    return print ? { ink: "#000000", grid: "#dddddd" } : { ink: pick("--ink"), grid: pick("--grid") };
  }

  function themed(layout, colours) {
    const changed = { "font.color": colours.ink };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) changed[key + ".gridcolor"] = colours.grid;
    }
    return changed;
  }

  function draw(box) {
    const id = box.dataset.figure;
    if (drawn.has(id) || !window.Plotly || !figures[id]) return;
    drawn.add(id);
    const config = {
      responsive: true, displaylogo: false, displayModeBar: "hover",
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: id },
    };
    const figure = figures[id];
    window.Plotly.newPlot(box, figure.data, figure.layout, config).then(() => {
      window.Plotly.relayout(box, themed(figure.layout, theme(false)));
      box.style.minHeight = "";
    });
  }

  const seen = "IntersectionObserver" in window
    ? new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && draw(e.target)), { rootMargin: "600px" })
    : null;
  document.querySelectorAll(".plot").forEach((box) => (seen ? seen.observe(box) : draw(box)));

  function recolour(print) {
    const colours = theme(print);
    document.querySelectorAll(".plot").forEach((box) => {
      if (drawn.has(box.dataset.figure) && box.offsetParent) {
        window.Plotly.relayout(box, themed(figures[box.dataset.figure].layout, colours));
      }
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolour(false));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".panel:not([hidden]) .plot").forEach(draw);
    recolour(true);
  });
  window.addEventListener("afterprint", () => recolour(false));

  document.querySelectorAll("[role=tablist]").forEach((list) => {
    const tabs = Array.from(list.querySelectorAll("[role=tab]"));
    function choose(tab, focus) {
      tabs.forEach((t) => {
        const on = t === tab;
        t.setAttribute("aria-selected", String(on));
        t.tabIndex = on ? 0 : -1;
        document.getElementById(t.getAttribute("aria-controls")).hidden = !on;
      });
      if (focus) tab.focus();
      const box = document.getElementById(tab.getAttribute("aria-controls")).querySelector(".plot");
      if (box) {
        draw(box);
        window.Plotly.Plots.resize(box);
      }
    }
    list.addEventListener("click", (e) => {
      const tab = e.target.closest("[role=tab]");
      if (tab) choose(tab, false);
    });
    list.addEventListener("keydown", (e) => {
      const at = tabs.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[e.key];
      if (to === undefined) return;
      e.preventDefault();
      choose(tabs[(to + tabs.length) % tabs.length], true);
    });
  });

  document.querySelectorAll("button.download").forEach((button) => {
    button.addEventListener("click", () => {
      const id = button.dataset.table;
      const url = URL.createObjectURL(new Blob([tables[id]], { type: "text/tab-separated-values" }));
      const link = document.createElement("a");
      link.href = url;
      link.download = id + ".tsv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    });
  });

  document.querySelectorAll("details.data").forEach((details) => {
    details.addEventListener("toggle", () => {
      const place = details.querySelector(".scroll");
      if (!details.open || place.firstChild) return;
      const lines = tables[details.dataset.table].replace(/\n$/, "").split("\n").map((l) => l.split("\t"));
      const table = document.createElement("table");
      const most = 400;
      lines.slice(0, most + 1).forEach((cells, i) => {
        const row = (i ? table.tBodies[0] || table.createTBody() : table.createTHead()).insertRow();
        cells.forEach((cell) => {
          const box = document.createElement(i ? "td" : "th");
          box.textContent = cell;
          row.appendChild(box);
        });
      });
      place.appendChild(table);
      if (lines.length > most + 1) {
        const more = document.createElement("p");
        more.className = "hint";
        more.textContent = lines.length - 1 - most + " more rows are in the download.";
        details.appendChild(more);
      }
    });
  });

  const links = new Map(Array.from(document.querySelectorAll("nav a"), (a) => [a.hash.slice(1), a]));
  const parts = Array.from(document.querySelectorAll("main section"));
  function spy() {
    const line = window.innerHeight * 0.25;
    const passed = parts.filter((p) => p.getBoundingClientRect().top <= line);
    const here = passed.length ? passed[passed.length - 1] : parts[0];
    links.forEach((a, id) => (id === here.id ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current")));
  }
  let waiting = false;
  window.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    window.requestAnimationFrame(() => {
      waiting = false;
      spy();
    });
  }, { passive: true });
  spy();
})();
