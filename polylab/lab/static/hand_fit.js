/** Four sliders, one cubic. State: the numbers `a`, `b`, `c`, `d`. */

import { dress, element, furnish, refuse } from "./dom.js";
import { Chart, tickText } from "./draw.js";

const NAMES = ["a", "b", "c", "d"];
const POINTS = 2000;
const X = Float64Array.from({ length: POINTS },
    (_, i) => -Math.PI + 2 * Math.PI * i / (POINTS - 1));
const Y = X.map(Math.sin);
const SHOWN = 41; // points and residuals that are drawn, of the 2,000
const HIGHEST = 3; // of the picture
const EMPTY = 0.1; // loss at the foot of the gauge, which leaves room for a word
const ANGLES = [[-Math.PI, "−π"], [-Math.PI / 2, "−π/2"], [0, "0"], [Math.PI / 2, "π/2"],
    [Math.PI, "π"]];

/** @param {number[]} coefficients @param {number} x */
export function cubic([a, b, c, d], x) {
    return a + x * (b + x * (c + x * d));
}

/**
 * Return the SUM of squared errors over the 2,000 points.
 *
 * @param {number[]} coefficients (a, b, c, d)
 */
export function lossOf(coefficients) {
    return X.reduce((sum, x, i) => sum + (cubic(coefficients, x) - Y[i]) ** 2, 0);
}

/**
 * Read a number as people type it: −0.0933, -0,0933, 9.33e-2.
 *
 * @param {string} text
 * @returns {number} NaN if it is none
 */
export function numberIn(text) {
    const plain = text.trim().replace(/[−–]/g, "-").replace(",", ".");
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/** @param {number} value */
function written(value) {
    return String(value).replace("-", "−");
}

/**
 * @param {import("./host.js").View} view
 * @returns {() => void} what lets go of the model
 */
function render({ model, el }) {
    const goal = model.get("goal"), floor = model.get("floor");
    const chart = new Chart("Your cubic and the data", 0.62);
    const gauge = new Chart("The loss", 0, 6.5);
    const words = element("p", { class: "pl-words" });
    const verdict = element("p", { class: "pl-verdict", role: "status" });
    const controls = NAMES.map(name => new Slider(name, model));
    const reset = element("button", { type: "button", click: () => {
        NAMES.forEach((name, index) => model.set(name, model.get("start")[index]));
        model.save_changes();
        controls.forEach(control => { control.shown = undefined; }); // what was refused goes too
        show();
    } }, "Reset");
    furnish(el, "pl-hand-fit");
    el.replaceChildren(element("div", { class: "pl-two" },
        element("div", {}, chart.root),
        element("div", {}, words, verdict, gauge.root,
            ...controls.map(control => control.root), reset)));

    function show() {
        waiting = 0;
        const theta = NAMES.map(name => model.get(name));
        const loss = lossOf(theta);
        const reached = loss < goal;
        const ratio = loss / floor;
        const times = `${ratio < 100 ? ratio.toFixed(2) : tickText(ratio, 3)} times the floor ${tickText(floor, 4)}`;
        controls.forEach(control => control.show());
        words.replaceChildren(element("b", {}, `Loss ${tickText(loss, 5)}`), `, ${times}. ` +
            (reached ? `${tickText(loss - floor, 3)} is left to gain.`
                : `The goal is under ${tickText(goal)}: keep turning.`));
        if (verdict.hidden === reached) {
            verdict.hidden = !reached;
            verdict.replaceChildren(element("b", {}, "Goal reached."),
                ` The loss is under ${tickText(goal)}.`);
        }
        chart.draw(picture(theta, `Loss ${tickText(loss, 5)}, ${times}.`));
        gauge.draw(column(loss, goal, floor));
    }
    let waiting = 0;
    const later = () => { waiting ||= requestAnimationFrame(show); };
    dress(verdict, { "data-state": "right", hidden: true });
    model.on("change", later);
    show();
    return () => {
        model.off("change", later);
        cancelAnimationFrame(waiting);
        chart.free();
        gauge.free();
    };
}

/**
 * @param {number[]} theta
 * @param {string} text
 * @returns {import("./draw.js").Scene}
 */
function picture(theta, text) {
    const every = (POINTS - 1) / (SHOWN - 1);
    const few = Array.from({ length: SHOWN }, (_, i) => X[Math.round(i * every)]);
    const data = few.map(Math.sin), fit = few.map(x => cubic(theta, x));
    const fine = X.filter((_, i) => i % 10 === 0 || i === POINTS - 1);
    const [left, right] = [-Math.PI, Math.PI].map(x => cubic(theta, x));
    const beyond = [["left", left, -Math.PI, "start"], ["right", right, Math.PI, "end"]]
        .filter(([, value]) => Math.abs(value) > HIGHEST);
    return {
        x: { from: -Math.PI, to: Math.PI, label: "x", ticks: ANGLES },
        y: { from: -HIGHEST, to: HIGHEST, label: "y" },
        marks: [
            { kind: "bars", x: few, y: data, y2: fit, colour: "series-1", width: 1.5,
              name: `residuals (of ${SHOWN} points)` },
            { kind: "curve", x: fine, y: fine.map(Math.sin), colour: "truth", width: 4,
              name: "truth, sin x" },
            { kind: "points", x: few, y: data, colour: "ink", width: 5, name: "data" },
            { kind: "curve", x: fine, y: fine.map(x => cubic(theta, x)), colour: "fit",
              width: 3, name: "your cubic" },
            ...beyond.map(([, value, x, anchor]) => ({
                kind: "label", x: x * 0.97, y: value > 0 ? 2.4 : -2.8, anchor, colour: "fit",
                text: `goes on to ${tickText(value, 3)}`,
            })),
        ],
        text: `${text} At the left end the cubic is ${tickText(left, 3)}, at the right end ` +
            `${tickText(right, 3)}; the sine is 0 at both.`,
    };
}

/**
 * @param {number} loss
 * @param {number} goal
 * @param {number} floor
 * @returns {import("./draw.js").Scene}
 */
function column(loss, goal, floor) {
    return {
        x: { from: EMPTY, to: 1e6, log: true, label: "loss (sum of squares)" },
        y: { from: 0, to: 1, label: "", ticks: [] },
        marks: [
            { kind: "curve", x: [EMPTY, loss], y: [0.28, 0.28], width: 14,
              colour: loss < goal ? "floor" : "fit" },
            { kind: "rule", x: floor, colour: "floor", dash: "style-1", anchor: "end",
              text: "floor" }, // there is no room for its number, which the words give
            { kind: "rule", x: goal, colour: "series-1", dash: "style-3",
              text: `goal ${tickText(goal, 4)}` },
        ],
        text: `${tickText(loss, 5)}, between the floor ${tickText(floor, 4)} and a million, ` +
            `on a logarithmic scale. The goal is ${tickText(goal, 4)}.`,
    };
}

/** A coefficient: a slider, two buttons for single steps, and a field that keeps what is typed. */
class Slider {
    /**
     * @param {string} name
     * @param {import("./host.js").Model} model
     */
    constructor(name, model) {
        const { power, hint, reach, step } = model.get("sliders")[name];
        Object.assign(this, { name, model, reach, step });
        const title = `${name}, ${hint}`;
        this.range = element("input", {
            type: "range", min: -reach, max: reach, step: "any", "aria-label": title,
            input: () => this.set(Number(this.range.value), true),
            keydown: event => this.key(event),
        });
        this.field = element("input", {
            type: "text", size: 7, autocomplete: "off", "aria-label": `${name}, as a number`,
            change: () => this.type(),
        });
        this.refusal = element("p", { class: "pl-refusal", role: "alert", hidden: true });
        this.root = element("div", { class: "pl-slider" },
            element("span", { class: "pl-name" }, element("b", {}, name), ` (${power}) ${hint}`),
            this.button("−", -1), this.range, this.button("+", 1), this.field, this.refusal);
    }

    /** A button that moves by one step, and goes on while it is held. */
    button(sign, direction) {
        let timer = 0;
        const stop = () => clearTimeout(timer);
        const go = pause => {
            this.move(direction);
            timer = setTimeout(go, pause, 50);
        };
        return element("button", {
            type: "button", "aria-label": `${this.name}, ${direction < 0 ? "less" : "more"}`,
            pointerdown: event => { if (event.button === 0) go(400); },
            pointerup: stop, pointerleave: stop, pointercancel: stop,
            click: event => { if (event.detail === 0) this.move(direction); }, // from the keyboard
        }, sign);
    }

    /** @param {number} steps */
    move(steps) {
        this.set(this.model.get(this.name) + steps * this.step);
    }

    /** @param {number} value @param {boolean} [onGrid] whether it came from a pixel */
    set(value, onGrid = false) {
        const near = onGrid ? Math.round(value / this.step) * this.step : value;
        const within = Math.min(Math.max(near, -this.reach), this.reach);
        this.model.set(this.name, Number(within.toFixed(10)) + 0); // 0.30000000000000004 is 0.3
        this.model.save_changes();
    }

    /** @param {KeyboardEvent} event */
    key(event) {
        const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1,
                        PageUp: 20, PageDown: -20, Home: -1e9, End: 1e9 }[event.key];
        if (!steps || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        this.move(steps);
    }

    type() {
        const value = numberIn(this.field.value);
        const fits = Math.abs(value) <= this.reach;
        refuse(this, fits ? "" : `${this.name} must be a number between ` +
            `−${this.reach} and ${this.reach}, got “${this.field.value}”.`);
        if (fits) {
            this.model.set(this.name, value);
            this.model.save_changes();
        }
    }

    show() {
        const value = this.model.get(this.name);
        this.range.value = String(value);
        this.range.setAttribute("aria-valuetext", written(value).replace("−", "minus "));
        if (value !== this.shown) {
            this.field.value = written(value);
            refuse(this, "");
        }
        this.shown = value;
    }
}

export default { render };
