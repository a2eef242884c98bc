"use strict";
// Draws the plots of the page and shows the network that a reader chooses.

const plots = JSON.parse(document.getElementById("plots").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const coarse = window.matchMedia("(pointer: coarse)");
const narrow = window.matchMedia("(max-width: 46rem)");
const place = (name) => document.getElementById(`plot-${name}`);

// Replace every "var(--name)" in a plot by the page's colour of that name.
function coloured(value, style) {
  if (typeof value === "string") {
    const match = /^var\((--[\w-]+)\)$/.exec(value);
    return match ? style.getPropertyValue(match[1]).trim() : value;
  }
  if (Array.isArray(value)) {
    return value.length && typeof value[0] === "number" ? value : value.map((v) => coloured(v, style));
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, style)]));
  }
  return value;
}

const config = {
  responsive: true,
  displaylogo: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};

async function draw(name) {
  const { data, layout } = coloured(plots[name], getComputedStyle(document.documentElement));
  if (coarse.matches) layout.dragmode = false; // a finger on the plot scrolls the page
  if (narrow.matches) layout.margin = { ...layout.margin, l: 36, r: 4 };
  await Plotly.react(place(name), data, layout, { ...config, displayModeBar: !narrow.matches });
}

function show(position, focus) {
  for (const article of document.querySelectorAll("#network > article")) {
    article.hidden = article.id !== `network-${position}`;
  }
  for (const button of document.querySelectorAll("button[data-network]")) {
    button.setAttribute("aria-pressed", String(button.dataset.network === String(position)));
  }
  const shown = document.getElementById(`network-${position}`);
  if (focus && shown) {
    const heading = shown.querySelector("h3");
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ block: "nearest" });
  }
}

function chooseCost() {
  const select = document.getElementById("cost");
  const { costs, layout, data } = plots.pareto;
  for (const option of [...select.options]) {
    if (!costs.some((cost) => cost.name === option.value)) option.remove();
  }
  const choose = () => {
    const cost = costs.find((each) => each.name === select.value);
    layout.xaxis.title.text = cost.title;
    Object.assign(layout, { shapes: cost.shapes, annotations: cost.annotations });
    layout.uirevision = cost.name; // forget the zoom: it was into other units
    data.forEach((trace, i) => Object.assign(trace, { x: cost.x[i], mode: cost.mode[i] }));
  };
  choose();
  select.addEventListener("change", () => { choose(); draw("pareto"); });
}

async function start() {
  if (plots.pareto) chooseCost();
  for (const name of Object.keys(plots)) await draw(name);
  dark.addEventListener("change", () => Object.keys(plots).forEach(draw));
  narrow.addEventListener("change", () => Object.keys(plots).forEach(draw));
  const networks = document.getElementById("network");
  if (networks) show(networks.dataset.first, false);
  for (const button of document.querySelectorAll("button[data-network]")) {
    button.addEventListener("click", () => show(button.dataset.network, true));
  }
  if (plots.pareto) {
    place("pareto").on("plotly_click", (event) => {
      const chosen = event.points.map((point) => point.customdata).find((number) => number >= 0);
      if (chosen !== undefined) show(chosen, true);
    });
  }
  document.documentElement.dataset.ready = "yes";
}

start();
