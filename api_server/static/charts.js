/* Draws each chart from the table that stands below it: what is seen and what is read aloud are the same figures. */
"use strict";

(() => {
  const charts = new Map();
  const DRAW = { days: drawDays, hours: drawHours };

  function drawCharts() {
    for (const [element, chart] of charts) {
      if (!element.isConnected) { chart.plot.destroy(); charts.delete(element); }
    }
    for (const element of document.querySelectorAll("[data-chart]")) {
      const rows = [...document.querySelectorAll(`#${element.dataset.source} tbody tr`)].map((row) => ({ ...row.dataset }));
      const state = JSON.stringify([rows, element.clientWidth, element.clientHeight, colour("--text")]);
      const known = charts.get(element);
      if (known && known.state === state) continue;
      if (known) known.plot.destroy();
      element.textContent = "";
      charts.set(element, { state, plot: DRAW[element.dataset.chart](element, rows) });
    }
  }

  function drawDays(element, rows) {
    const shares = rows.map((row) => number(row.y));
    const isNarrow = element.clientWidth < 480;
    const labels = rows.map((row) => {
      const day = new Date(`${row.name}T12:00:00Z`);
      return `${day.toLocaleDateString("en", { weekday: "short", timeZone: "UTC" })} ${day.getUTCDate()}`;
    });
    const bars = (name) => ({
      fill: colour(name), stroke: colour(name), width: 0, points: { show: false },
      paths: uPlot.paths.bars({ size: [0.56, 54], radius: 0 }),
    });
    return plot(element, {
      // Behind each bar stands a whole one: what looks out above is what failed.
      data: [rows.map((_, index) => index), shares.map((share) => (share === null ? null : 100)), shares],
      series: [{}, bars("--bad"), bars("--bar")],
      scales: { x: { time: false, range: [-0.5, rows.length - 0.5] }, y: { range: [0, 100] } },
      axes: [
        axis({
          splits: rows.map((_, index) => index), grid: { show: false }, size: 48,
          values: (_, at) => at.map((index) => (isNarrow
            ? `${labels[index].split(" ")[0]}\n${shares[index] === null ? "–" : Math.floor(shares[index])}`
            : `${labels[index]}\n${share(shares[index])}`)),
        }),
        axis({ splits: [0, 25, 50, 75, 100], values: (_, at) => at.map((value) => `${value} %`), size: 52 }),
      ],
      tell: (index) => {
        const cells = document.querySelectorAll(`#${element.dataset.source} tbody tr`)[index].cells;
        return `${labels[index]}\n${cells[2].textContent} of ${cells[3].textContent} runs succeeded`;
      },
    });
  }

  function drawHours(element, rows) {
    const p50 = rows.map((row) => number(row.y));
    const p95 = rows.map((row) => number(row.y2));
    const times = rows.map((row) => Number(row.x));
    const line = (name, more) => ({ stroke: colour(name), width: 2, points: { show: isAlone, size: 5, fill: colour(name) }, ...more });
    const clock = (time) => new Date(time * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    return plot(element, {
      data: [times, p95, p50],
      series: [{}, line("--second", { dash: [6, 4] }), line("--accent", { fill: colour("--accent-soft") })],
      scales: { x: {}, y: { range: (_, low, high) => [0, Math.max(high * 1.15, 1)] } },
      axes: [
        axis({ values: (_, at) => at.map(clock), space: 64, size: 30, grid: { show: false } }),
        axis({ values: (_, at) => at.map(milliseconds), size: 62 }),
      ],
      tell: (index) => {
        const calls = document.querySelectorAll(`#${element.dataset.source} tbody tr`)[index].cells[1].textContent;
        const figures = p50[index] === null ? "no calls" : `p95  ${milliseconds(p95[index])}\np50  ${milliseconds(p50[index])}\n${calls} calls`;
        return `${clock(times[index])} to ${clock(times[index] + 3600)}\n${figures}`;
      },
    });
  }

  function plot(element, { data, series, scales, axes, tell }) {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    return new uPlot({
      width: element.clientWidth, height: element.clientHeight,
      series, scales, axes, padding: [10, 24, 0, 0], legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { setScale: false, x: false, y: false } },
      hooks: {
        init: [(u) => u.over.append(tip)],
        setCursor: [(u) => {
          const { idx, left } = u.cursor;
          tip.hidden = idx === null || idx === undefined || left < 0;
          if (tip.hidden) return;
          tip.textContent = tell(idx);
          const x = u.valToPos(u.data[0][idx], "x");
          const half = tip.offsetWidth / 2;
          tip.style.left = `${Math.min(Math.max(x - half, 0), Math.max(u.over.clientWidth - 2 * half, 0))}px`;
          tip.style.top = "4px";
        }],
      },
    }, data, element);
  }

  function axis(options) {
    return {
      stroke: colour("--muted"), font: `12px ${getComputedStyle(document.body).fontFamily}`, gap: 6,
      ticks: { show: false }, grid: { stroke: colour("--grid"), width: 1 }, ...options,
    };
  }

  /* A point with nothing on either side would be a line of no length. */
  function isAlone(u, index) {
    const values = u.data[index];
    return values.filter((value) => value !== null).length < 3
      || values.some((value, at) => value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null);
  }

  function share(value) {
    if (value === null) return "no run";
    return value === 0 || value === 100 ? `${value} %` : `${Math.min(value, 99.9).toFixed(1)} %`;
  }

  function milliseconds(value) {
    if (value >= 1000) return `${Number((value / 1000).toPrecision(3))} s`;
    return `${value < 100 ? Number(value.toFixed(1)) : Math.round(value)} ms`;
  }

  function number(text) { return text === "" || text === undefined ? null : Number(text); }
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  window.drawCharts = drawCharts;
})();
