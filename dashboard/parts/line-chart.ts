import { html, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { ref } from '/lib/lit-html/directives/ref.js';
import { formatTick } from '../data/time.ts';
// oxlint-disable-next-line import/default -- its types say `export =`, and its module has a default
import UPlot from '/lib/uplot.js';

/** A line: its name, and the variable of the style sheet with its colour. */
export interface Line {
  readonly name: string;
  readonly color: string;
}

/** What a chart is made from. */
export interface LineChartOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  /** A value as a person reads it. */
  readonly format: (value: number) => string;
}

/** Values of each line at the same moments; null leaves a gap. */
type Values = readonly (readonly (number | null)[])[];

const HEIGHT_PX = 150;

/** Wide enough for `12.5k/s`. */
const AXIS_PX = 64;

/** Lines over time, drawn by uPlot; the figures that matter stand below it as text, also for those who see no picture. */
export class LineChart {
  readonly #options: LineChartOptions;
  readonly #resized = new ResizeObserver(() => this.#fit());
  readonly #dark = matchMedia('(prefers-color-scheme: dark)');
  /** The same one at each rendering: another one would be told of the same place again. */
  readonly #onPlace = (element: Element | undefined): void => this.#mount(element);
  readonly #onScheme = (): void => this.#draw();
  #times: readonly number[] = [];
  #values: Values = [];
  #place: HTMLElement | undefined;
  #plot: UPlot | undefined;

  constructor(options: LineChartOptions) {
    this.#options = options;
    this.#dark.addEventListener('change', this.#onScheme);
  }

  /** @param times in seconds since the epoch */
  set(times: readonly number[], values: Values): void {
    this.#times = times;
    this.#values = values;
    this.#plot?.setData(this.#data());
  }

  template(): TemplateResult {
    const { title, lines, format } = this.#options;
    return html`<figure class="chart">
      <figcaption>${title}</figcaption>
      <div class="plot" aria-hidden="true" ${ref(this.#onPlace)}></div>
      <ul class="legend">
        ${lines.map(({ name, color }, at) => {
          const known = (this.#values[at] ?? []).filter((value) => value !== null);
          const last = known.at(-1);
          const text =
            last === undefined
              ? 'no data'
              : `${format(last)}, at most ${format(Math.max(...known))}`;
          return html`<li data-color=${color}>${name}: ${text}</li>`;
        })}
      </ul>
    </figure>`;
  }

  close(): void {
    this.#dark.removeEventListener('change', this.#onScheme);
    this.#unmount();
  }

  #mount(element: Element | undefined): void {
    if (element === this.#place) return;
    this.#unmount();
    if (!(element instanceof HTMLElement)) return;
    this.#place = element;
    this.#resized.observe(element);
    this.#draw();
  }

  #unmount(): void {
    this.#resized.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#place = undefined;
  }

  #fit(): void {
    const width = this.#place?.clientWidth ?? 0;
    if (width === 0) return;
    if (this.#plot === undefined) this.#draw();
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT_PX });
  }

  #draw(): void {
    const place = this.#place;
    // Before it is in the document it has no width.
    if (place === undefined || place.clientWidth === 0) return;
    this.#plot?.destroy();
    const style = getComputedStyle(place);
    // What is drawn on a canvas has no style: colours and letters of the page are told to it.
    const color = (name: string): string => resolved(place, name);
    const { lines, format } = this.#options;
    const font = `12px ${style.fontFamily}`;
    const axis = { stroke: color('--soft'), font, grid: { stroke: color('--line'), width: 1 } };
    this.#plot = new UPlot(
      {
        width: place.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: [
          {
            ...axis,
            ticks: { show: false },
            values: (_plot, splits) => splits.map((split) => formatTick(split, this.#shown())),
          },
          {
            ...axis,
            ticks: { show: false },
            size: AXIS_PX,
            values: (_plot, splits) => splits.map((value) => format(value)),
          },
        ],
        series: [
          {},
          ...lines.map(({ name, color: variable }) => ({
            label: name,
            stroke: color(variable),
            width: 1.5,
            // A value without neighbours is no line.
            points: {
              show: false,
              size: 4,
              filter: (plot: UPlot, at: number) => alone(plot.data[at] ?? []),
            },
          })),
        ],
      },
      this.#data(),
      place,
    );
  }

  #shown(): number {
    return (this.#times.at(-1) ?? 0) - (this.#times[0] ?? 0);
  }

  #data(): UPlot.AlignedData {
    return [[...this.#times], ...this.#values.map((values) => [...values])];
  }
}

/** Where there are values between two gaps. */
function alone(values: UPlot.AlignedData[number]): number[] {
  const isGap = (at: number): boolean => (values[at] ?? null) === null;
  return [...values.keys()].filter((at) => !isGap(at) && isGap(at - 1) && isGap(at + 1));
}

/** A variable of the style sheet that tells light and dark apart, as the colour that it is now. */
function resolved(place: HTMLElement, variable: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${variable})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
