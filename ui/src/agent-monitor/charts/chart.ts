/** Bar charts in the page's colors, redrawn when the color scheme changes. */

import { BarController, BarElement, CategoryScale, Chart, Legend, LinearScale, Tooltip } from "chart.js";
import type { ChartConfiguration, ChartDataset } from "chart.js";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Legend, Tooltip);

export interface Series {
  name: string;
  /** The CSS variable of its color. */
  color: string;
  values: number[];
}

export interface Bars {
  labels: string[];
  series: Series[];
}

interface Options {
  kind: "columns" | "rows";
  stacked: boolean;
  write: (value: number) => string;
}

export class BarChart {
  private readonly chart: Chart<"bar">;
  private bars: Bars = { labels: [], series: [] };

  constructor(canvas: HTMLCanvasElement, options: Options) {
    this.chart = new Chart(canvas, configuration(options));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.show(this.bars);
    });
  }

  show(bars: Bars): void {
    this.bars = bars;
    const colors = getComputedStyle(document.documentElement);
    this.chart.data.labels = bars.labels;
    bars.series.forEach((series, index) => {
      const known = this.chart.data.datasets[index];
      const dataset = datasetOf(series, colors);
      if (known) Object.assign(known, dataset);
      else this.chart.data.datasets.push(dataset);
    });
    this.paintScales(colors);
    this.chart.update();
  }

  private paintScales(colors: CSSStyleDeclaration): void {
    const ink = colors.getPropertyValue("--ink-soft");
    Chart.defaults.font.family = colors.getPropertyValue("--font");
    this.chart.options.color = ink;
    for (const scale of Object.values(this.chart.options.scales ?? {})) {
      if (scale?.ticks) scale.ticks.color = ink;
      if (scale?.grid) scale.grid.color = colors.getPropertyValue("--line");
    }
  }
}

function datasetOf({ name, color, values }: Series, colors: CSSStyleDeclaration): ChartDataset<"bar"> {
  const backgroundColor = colors.getPropertyValue(color);
  return { label: name, data: values, backgroundColor, borderRadius: 3, maxBarThickness: 28 };
}

function configuration({ kind, stacked, write }: Options): ChartConfiguration<"bar"> {
  const values = {
    stacked,
    beginAtZero: true,
    grid: {},
    ticks: { maxTicksLimit: 6, callback: (value: number | string) => write(Number(value)) },
  };
  const labels = { stacked, grid: { display: false }, ticks: { autoSkip: kind === "columns", maxRotation: 0 } };
  return {
    type: "bar",
    data: { labels: [], datasets: [] },
    options: {
      animation: false,
      maintainAspectRatio: false,
      indexAxis: kind === "rows" ? "y" : "x",
      scales: kind === "rows" ? { x: values, y: labels } : { x: labels, y: values },
      interaction: { mode: "index", intersect: false, axis: kind === "rows" ? "y" : "x" },
      plugins: {
        legend: { position: "bottom", labels: { boxWidth: 12, boxHeight: 12 } },
        tooltip: { callbacks: { label: ({ dataset, raw }) => ` ${dataset.label ?? ""}: ${write(Number(raw))}` } },
      },
    },
  };
}
