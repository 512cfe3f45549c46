/**
 * A plot in SVG: axes, curves, points, a legend that names only what is drawn.
 *
 *     const chart = new Chart("Loss against step", 0.6);
 *     parent.append(chart.root);
 *     chart.draw({
 *         x: { from: 0, to: 500, label: "step" },
 *         y: { from: 1, to: 1e4, log: true, label: "loss" },
 *         marks: [
 *             { kind: "rule", y: 8.817, colour: "floor", dash: "style-1", name: "floor 8.817" },
 *             { kind: "curve", y: losses, colour: "fit", name: "plain descent, 1e-6" },
 *         ],
 *         text: "The loss falls from 52,000 to 8.82.",
 *     });
 *
 * It takes the width of its parent and is drawn again when that changes. Colours and line styles
 * are names from polylab/plots.py, such as "fit" and "series-2", "style-2".
 */

import { element, svg, unique } from "./dom.js";

/**
 * @typedef {object} Axis
 * @property {number} from
 * @property {number} to above `from`; both above 0 if `log`
 * @property {string} label
 * @property {boolean} [log]
 * @property {[at: number, text: string][]} [ticks] instead of those that are found
 */

/**
 * What is drawn. `curve` joins points, `points` puts a dot on each, `bars` goes from y to y2 at
 * each x, `rule` is a line at one x or one y from edge to edge, `label` writes `text` at (x, y).
 * Points that no axis can show (NaN, infinite, not above 0 on a log axis) leave a gap.
 *
 * @typedef {object} Mark
 * @property {"curve" | "points" | "bars" | "rule" | "label"} kind
 * @property {ArrayLike<number> | number} [x] left out: 0, 1, 2 …
 * @property {ArrayLike<number> | number} [y]
 * @property {ArrayLike<number>} [y2]
 * @property {string} colour
 * @property {string} [dash] line style of a curve, bars or a rule; solid if left out
 * @property {number} [width] of the line, or of a dot, in pixels
 * @property {number} [opacity]
 * @property {string} [name] in the legend; nothing is said if left out
 * @property {string} [text] of a label, or at the end of a rule
 * @property {"start" | "middle" | "end"} [anchor] which part of the text stands at x
 */

/**
 * @typedef {object} Scene
 * @property {Axis} x
 * @property {Axis} y
 * @property {Mark[]} marks drawn in this order
 * @property {string} text what the picture shows, for those who do not see it
 */

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * Return a number as an axis says it: 0.25, 2,000, 3×10⁻⁶, 10⁹.
 *
 * @param {number} value
 * @param {number} [digits] at most so many significant ones
 */
export function tickText(value, digits = 6) {
    if (value === 0) return "0";
    const [mantissa, exponent] = Math.abs(value).toExponential(digits - 1).split("e").map(Number);
    const sign = value < 0 ? "−" : "";
    if (exponent >= -3 && exponent < 5) {
        const [whole, part = ""] = String(Number(Math.abs(value).toPrecision(digits))).split(".");
        return sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part && `.${part}`);
    }
    const power = `10${exponent < 0 ? "⁻" : ""}` +
        [...String(Math.abs(exponent))].map(digit => SUPERSCRIPTS[+digit]).join("");
    return sign + (mantissa === 1 ? power : `${mantissa}×${power}`);
}

/**
 * Return where an axis has its ticks.
 *
 * @param {Axis} axis
 * @param {number} most so many ticks at most
 * @returns {number[]}
 */
export function ticksOf({ from, to, log }, most) {
    const found = [];
    if (log) {
        const decades = Math.log10(to / from);
        if (decades < 1) return ticksOf({ from, to, label: "" }, most);
        const each = Math.ceil((decades + 1) / most);
        const between = decades < most / 3 ? [1, 2, 5] : [1];
        const last = Math.floor(Math.log10(to) + 1e-9);
        for (let power = Math.floor(Math.log10(from)); power <= last; power++) {
            if (power % each) continue;
            found.push(...between.map(part => Number(`${part}e${power}`)));
        }
    } else {
        const rough = (to - from) / most;
        const power = 10 ** Math.floor(Math.log10(rough));
        const step = power * ([1, 2, 5].find(part => part * power >= rough) ?? 10);
        for (let n = Math.ceil(from / step - 1e-9); n <= to / step + 1e-9; n++) {
            found.push(Number((n * step).toPrecision(12)));
        }
    }
    const slack = log ? 0 : (to - from) * 1e-9;
    return found.filter(at => at >= from - slack && at <= to + slack);
}

/** A plot that is drawn again and again. */
export class Chart {
    /**
     * @param {string} label what the picture is, in a few words
     * @param {number} shape its height, as a part of its width
     * @param {number} [least] its least height, in letter heights
     */
    constructor(label, shape, least = 13) {
        this.label = label;
        this.shape = shape;
        this.least = least;
        this.clip = unique("pl-clip");
        this.picture = svg("svg", { role: "img" });
        /** Lies over the picture, for handles that keep the focus; see `place`. */
        this.overlay = svg("svg", { class: "pl-overlay", role: "none" });
        this.legend = element("ul", { class: "pl-legend" });
        this.root = element("div", { class: "pl-chart" },
            element("div", { class: "pl-picture" }, this.picture, this.overlay), this.legend);
        /** Called after each drawing: the place to move what lies in the overlay. */
        this.afterwards = () => {};
        /** @type {Scene | null} */
        this.scene = null;
        this.observer = new ResizeObserver(() => this.measure());
        this.observer.observe(this.root);
    }

    /** Let go of what outlives the page's element. */
    free() {
        this.observer.disconnect();
    }

    measure() {
        const width = this.root.clientWidth;
        const font = parseFloat(getComputedStyle(this.root).fontSize);
        if (width && (width !== this.width || font !== this.font)) {
            this.width = width;
            this.font = font;
            this.height = Math.round(Math.max(width * this.shape, this.least * font));
            for (const layer of [this.picture, this.overlay]) {
                layer.setAttribute("width", String(width));
                layer.setAttribute("height", String(this.height));
            }
            if (this.scene) this.draw(this.scene);
        }
    }

    /**
     * Draw a scene; it is kept, and drawn again when the size changes.
     *
     * @param {Scene} scene
     */
    draw(scene) {
        this.scene = scene;
        if (!this.width) return; // not on a page yet: `measure` will call again
        const { x, y } = scene;
        const size = 0.85 * this.font;
        const rows = labelled(y, Math.max(2, Math.floor(this.height / (2.6 * this.font))));
        const margin = Math.max(0, ...rows.map(([, text]) => text.length)) * 0.56 * size;
        const left = Math.ceil(margin + (y.label ? 2.6 : 0.9) * size);
        const end = this.width - Math.ceil(0.5 * size);
        const top = Math.ceil(0.8 * size), bottom = this.height - Math.ceil(3.1 * size);
        const columns = labelled(x, Math.max(2, Math.floor((end - left) / (4.2 * this.font))));
        // Half of the last label stands out where its tick is at the end.
        const [last, words = ""] = columns.at(-1) ?? [];
        const right = end - (last === x.to ? Math.ceil(words.length * 0.28 * size) : 0);
        this.box = { left, right, top, bottom };
        this.across = scale(x, left, right);
        this.up = scale(y, bottom, top);
        // Frame and words stay while the axes do: a rate that is dragged moves the marks alone.
        const axes = JSON.stringify([this.box, size, x, y]);
        if (axes !== this.axes) {
            this.axes = axes;
            this.marks = svg("g", { "clip-path": `url(#${this.clip})` });
            this.picture.replaceChildren(...this.still(scene, rows, columns, size));
        }
        const drawn = scene.marks.map(mark => [mark, this.shapes(mark, size)]);
        this.picture.setAttribute("aria-label", `${this.label}. ${scene.text}`);
        this.marks.replaceChildren(...drawn.flatMap(([, made]) => made));
        this.name(drawn.filter(([mark, made]) => mark.name && made.length).map(([mark]) => mark));
        this.afterwards();
    }

    /**
     * Return all that a picture holds: the grid, the words, the marks to come and the frame.
     *
     * @param {Scene} scene
     * @param {[number, string][]} rows where the y axis has its ticks, and what they say
     * @param {[number, string][]} columns those of the x axis
     * @param {number} size of the letters
     */
    still({ x, y }, rows, columns, size) {
        const { left, right, top, bottom } = this.box;
        const line = (x1, y1, x2, y2) => svg("path", { d: `M${x1} ${y1}L${x2} ${y2}` });
        const word = (text, attributes) => svg("text", { "font-size": size, ...attributes }, text);
        const grid = svg("g", { class: "pl-grid" },
            ...columns.map(([at]) => line(this.across(at), top, this.across(at), bottom)),
            ...rows.map(([at]) => line(left, this.up(at), right, this.up(at))));
        const words = svg("g", { class: "pl-ticks" },
            ...columns.map(([at, text]) => word(text,
                { x: this.across(at), y: bottom + 1.25 * size, "text-anchor": "middle" })),
            ...rows.map(([at, text]) => word(text,
                { x: left - 0.45 * size, y: this.up(at) + 0.35 * size, "text-anchor": "end" })),
            word(x.label, { x: (left + right) / 2, y: bottom + 2.7 * size,
                            "text-anchor": "middle" }),
            word(y.label, { transform: `translate(${size} ${(top + bottom) / 2}) rotate(-90)`,
                            "text-anchor": "middle" }));
        const frame = { x: left, y: top, width: right - left, height: bottom - top };
        return [svg("clipPath", { id: this.clip }, svg("rect", frame)), grid, words, this.marks,
            svg("rect", { class: "pl-frame", ...frame })];
    }

    /**
     * Return where a point of the axes lies, in pixels of the picture and the overlay.
     *
     * @param {number} x
     * @param {number} y
     * @returns {[number, number]}
     */
    place(x, y) {
        return [this.across(x), this.up(y)];
    }

    /**
     * Return where on the axes a pointer is; it may lie outside.
     *
     * @param {PointerEvent} event
     * @returns {{x: number, y: number}}
     */
    under(event) {
        const corner = this.picture.getBoundingClientRect();
        return { x: this.across.back(event.clientX - corner.left),
                 y: this.up.back(event.clientY - corner.top) };
    }

    /**
     * @param {Mark} mark
     * @param {number} size of the letters
     * @returns {SVGElement[]} none if nothing of the mark lies in the picture
     */
    shapes(mark, size) {
        const style = lineStyle(mark);
        const { left, right, top, bottom } = this.box;
        const seen = (x, y) => x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1;
        if (mark.kind === "rule") {
            const flat = mark.x === undefined;
            const at = flat ? this.up(mark.y) : this.across(mark.x);
            if (!(flat ? seen(left, at) : seen(at, top))) return [];
            const d = flat ? `M${left} ${at}H${right}` : `M${at} ${top}V${bottom}`;
            const words = flat ? { x: right - 0.4 * size, y: at - 0.4 * size, "text-anchor": "end" }
                : { x: at + (mark.anchor === "end" ? -0.4 : 0.4) * size, y: top + 1.1 * size,
                    "text-anchor": mark.anchor ?? "start" };
            return [svg("path", { d, style, fill: "none" }),
                    ...mark.text ? [label(mark.text, size, words)] : []];
        }
        if (mark.kind === "label") {
            const [x, y] = this.place(mark.x, mark.y);
            return seen(x, y) ? [label(mark.text, size,
                { x, y, "text-anchor": mark.anchor ?? "start" })] : [];
        }
        let d = "", open = false, shows = false, before = null;
        const join = mark.kind === "curve";
        for (let i = 0; i < mark.y.length; i++) {
            const x = this.across(mark.x ? mark.x[i] : i), y = this.up(mark.y[i]);
            if (!Number.isFinite(x) || !Number.isFinite(y)) {
                open = false;
                continue;
            }
            // Pixels far outside say no more than near ones, and some browsers fail on them.
            const point = `${bounded(x)} ${bounded(y)}`;
            if (mark.kind === "bars") d += `M${point}V${bounded(this.up(mark.y2[i]))}`;
            else if (!join) d += `M${point}h0`;
            else if (point !== before) d += `${open ? "L" : "M"}${point}`;
            before = point;
            open = true;
            shows ||= seen(x, y);
        }
        return shows ? [svg("path", { d, style, fill: "none" })] : [];
    }

    /** @param {Mark[]} marks */
    name(marks) {
        const key = marks.map(mark => `${mark.name}|${lineStyle(mark)}`).join("\n");
        if (key === this.named) return;
        this.named = key;
        this.legend.replaceChildren(...marks.map(mark => element("li", {},
            svg("svg", { width: 30, height: 12, "aria-hidden": "true" }, svg("path", {
                d: mark.kind === "points" ? "M15 6h0" : "M1 6H29", style: lineStyle(mark),
            })), mark.name)));
    }
}

/** @param {Mark} mark */
function lineStyle({ kind, colour, dash, width, opacity }) {
    const wide = width ?? (kind === "points" ? 9 : kind === "rule" ? 2 : 2.5);
    return `stroke:var(--pl-${colour});stroke-width:${wide}` +
        (dash ? `;stroke-dasharray:var(--pl-${dash})` : "") +
        (kind === "points" ? ";stroke-linecap:round" : "") +
        (opacity === undefined ? "" : `;opacity:${opacity}`);
}

/**
 * @param {Axis} axis
 * @param {number} most
 * @returns {[number, string][]}
 */
function labelled(axis, most) {
    return axis.ticks ?? ticksOf(axis, most).map(at => [at, tickText(at)]);
}

/** @param {Record<string, unknown>} attributes */
function label(text, size, attributes) {
    return svg("text", { class: "pl-label", "font-size": size, ...attributes }, text);
}

function bounded(pixel) {
    return Math.round(10 * Math.min(Math.max(pixel, -5e4), 5e4)) / 10;
}

/**
 * Return the function from an axis to pixels; its `back` goes the other way.
 *
 * @param {Axis} axis
 * @param {number} start pixel of `from`
 * @param {number} end pixel of `to`
 */
function scale({ from, to, log }, start, end) {
    const [into, out] = log ? [Math.log10, value => 10 ** value]
        : [/** @param {number} value */ value => value, value => value];
    const first = into(from), factor = (end - start) / (into(to) - first);
    const place = value => start + (into(value) - first) * factor;
    return Object.assign(place, { back: pixel => out(first + (pixel - start) / factor) });
}
