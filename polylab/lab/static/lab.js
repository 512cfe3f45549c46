/**
 * The learning-rate lab. State: the settings of one run (see `PLAIN`), the `step` that is shown,
 * the settings of `kept` runs, `prediction`, `score`, `predict_first` and `challenge`.
 *
 * The page computes and draws; the kernel, if there is one, only keeps the state.
 */

import { fragmentOf, stateIn } from "./address.js";
import { CHALLENGES, judge, PLAIN } from "./challenges.js";
import { Choice, copyButton, drag, NumberField, RateControl } from "./controls.js";
import {
    descend, ENDS, OPTIMISERS, powersOf, problemOf, startOf, TARGETS,
} from "./descent.js";
import { dress, element, furnish, svg } from "./dom.js";
import { Chart } from "./draw.js";
import { FACTS } from "./facts.js";
import { Sweep } from "./sweep.js";
import {
    bowlScene, factorScene, fitScene, look, lossScene, modeName, spanOf, sweepScene, swingScene,
} from "./views.js";
import {
    BASIS_NAMES, count, END_MEANINGS, explain, lossText, nameOf, OPTIMISER_NAMES, pythonOf,
    QUESTIONS, rateText, REDUCTION_NAMES, SCHEDULE_NAMES, spoken, START_NAMES,
} from "./words.js";

/** @typedef {import("./descent.js").Settings} Settings */

const K = 4;
const KEPT = 5; // runs beside the present one; the oldest goes first
const STEPS = [10, 24, 100, 200, 500, 1000, 2000, 5000, 10_000];
const BATCHES = [1, 4, 16, 64, 256, 1000];
const WATCHED = 50; // steps that Play shows one by one
const CALM = 600; // milliseconds without a change before the outcome is read out
const NAMES = /** @type {(keyof Settings)[]} */ (Object.keys(PLAIN));

/**
 * @param {import("./host.js").View} view
 * @returns {() => void} what lets go of the model
 */
function render({ model, el, alone }) {
    const lab = new Lab(model, el, alone === true);
    return () => lab.free();
}

class Lab {
    /**
     * @param {import("./host.js").Model} model @param {HTMLElement} el
     * @param {boolean} alone whether there is no kernel, and the address may hold the state
     */
    constructor(model, el, alone) {
        this.model = model;
        this.facts = FACTS;
        this.alone = alone;
        this.playing = 0;
        this.notice = "";
        this.modes = [0, K - 1];
        this.measure = "loss";
        this.runs = new Map();
        this.seen = new Map();
        this.controls = [];
        this.sweep = new Sweep(() => this.drawSweep());
        if (alone) this.readAddress();
        this.build(el);
        this.later = () => { this.waiting ||= requestAnimationFrame(() => this.show()); };
        this.opened = () => this.seen.clear();
        model.on("change:challenge", this.opened);
        model.on("change", this.later);
        this.show();
    }

    free() {
        this.model.off("change:challenge", this.opened);
        this.model.off("change", this.later);
        cancelAnimationFrame(this.waiting);
        cancelAnimationFrame(this.frame);
        for (const timer of [this.playing, this.calm, this.addressing]) clearTimeout(timer);
        this.sweep.free();
        Object.values(this.charts).forEach(chart => chart.free());
    }

    // State.

    /** @returns {Settings} */
    get settings() {
        return Object.fromEntries(NAMES.map(name => [name, this.model.get(name)]));
    }

    get hidden() {
        return this.model.get("predict_first") && this.model.get("prediction").includes(null);
    }

    /** @param {Record<string, unknown>} changes */
    set(changes) {
        const { model } = this;
        const before = this.settings;
        Object.entries(changes).forEach(([name, value]) => model.set(name, value));
        const moved = NAMES.filter(name =>
            JSON.stringify(model.get(name)) !== JSON.stringify(before[name]));
        if (moved.length) {
            model.set("prediction", [null, null]);
            if (model.get("warmup") > model.get("steps")) model.set("warmup", model.get("steps"));
            if (!this.playing || moved.includes("steps")) model.set("step", model.get("steps"));
            if (moved.includes("target") || moved.includes("reduction")) model.set("kept", []);
        }
        model.save_changes();
    }

    /** The run of some settings; the last few are remembered. @param {Settings} settings */
    runOf(settings) {
        const key = JSON.stringify(settings);
        const run = this.runs.get(key) ?? descend(problemOf(this.facts, settings), settings,
            startOf(this.facts, settings));
        this.runs.delete(key);
        this.runs.set(key, run);
        if (this.runs.size > KEPT + 2) this.runs.delete(this.runs.keys().next().value);
        return run;
    }

    predict(place, value) {
        const prediction = [...this.model.get("prediction")];
        if (!this.hidden) return;
        prediction[place] = value;
        const changes = { prediction };
        if (!prediction.includes(null)) {
            const { swings, end } = this.runOf(this.settings);
            const [right, made] = this.model.get("score");
            const good = (prediction[0] === swings) + (prediction[1] === end);
            changes.score = [right + good, made + 2];
        }
        this.set(changes);
    }

    keep() {
        const now = this.settings;
        const others = this.model.get("kept").filter(it => !same(it, now));
        this.set({ kept: [...others, now].slice(-KEPT) });
    }

    /** @param {string | null} name */
    choose(name) {
        this.set({ challenge: name, ...(name ? { ...PLAIN, ...CHALLENGES[name].begin } : {}) });
    }

    reset() {
        this.stop();
        this.set({ ...PLAIN, challenge: null, kept: [], score: [0, 0] });
        this.set({ prediction: [null, null], step: PLAIN.steps });
        // What was typed and refused, and how far the slider reached, is no part of the state.
        [this.rate, ...this.controls].forEach(control => { control.shown = undefined; });
        this.spanKey = null;
        this.show();
    }

    // Play.

    play() {
        if (this.playing) return this.stop();
        if (this.model.get("step") >= this.model.get("steps")) this.set({ step: 0 });
        this.tick();
        this.show();
    }

    stop() {
        clearTimeout(this.playing);
        cancelAnimationFrame(this.frame);
        this.playing = 0;
        this.later?.();
    }

    tick() {
        const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
        this.playing = setTimeout(() => {
            const step = this.model.get("step"), steps = this.model.get("steps");
            if (!this.hidden) {
                const next = still ? Math.max(1, 2 * step)
                    : step < WATCHED ? step + 1 : Math.round(1.04 * step);
                this.set({ step: Math.min(next, steps) });
                if (next >= steps) return this.stop();
            }
            // After the picture of this step, so that a busy page leaves none out.
            this.frame = requestAnimationFrame(() => this.tick());
        }, still ? 900 : this.model.get("step") < WATCHED ? 90 : 60);
    }

    // The page.

    build(el) {
        this.rate = new RateControl(PLAIN.rate, rate => this.set({ rate }));
        this.words = element("p", { class: "pl-words" });
        this.aloud = element("p", { class: "pl-aloud", role: "status" });
        this.goal = element("p", { class: "pl-goal" });
        this.verdict = element("p", { class: "pl-verdict" });
        this.table = element("div", { class: "pl-kept" });
        furnish(el, "pl-lab");
        el.replaceChildren(element("div", { class: "pl-bench" },
            this.rate.root, this.buildQuestions(), this.buildChoices(), this.buildPictures(),
            element("div", { class: "pl-more" },
                this.add(new Choice("Challenge", [[null, "none"],
                    ...Object.keys(CHALLENGES).map(name => [name, name])],
                () => this.model.get("challenge"), name => this.choose(name))),
                element("div", {}, this.goal, this.verdict),
                element("div", { class: "pl-row" },
                    ...this.alone ? [copyButton("Copy link", () => this.address)] : [],
                    copyButton("Copy Python",
                        () => pythonOf(this.settings, this.facts.points)),
                    element("button", { type: "button", click: () => this.reset() }, "Reset")))));
        this.addHandles();
    }

    /** Take a control into the lab, which shows its value at each change. */
    add(control) {
        this.controls.push(control);
        return control.root;
    }

    buildQuestions() {
        this.buttons = [
            [[true, "Yes"], [false, "No"]],
            ENDS.map(end => [end, end]),
        ].map((answers, place) => answers.map(([value, text]) => [value, element("button", {
            type: "button", title: END_MEANINGS[value] ?? false,
            click: () => this.predict(place, value) }, text)]));
        this.first = element("input", { type: "checkbox",
            change: () => this.set({ predict_first: this.first.checked }) });
        this.score = element("span", { class: "pl-score" });
        return element("div", { class: "pl-ask" },
            element("label", { class: "pl-check" }, this.first, " Predict first"), this.score,
            ...Object.values(QUESTIONS).map((question, place) =>
                element("fieldset", {}, element("legend", {}, question),
                    ...this.buttons[place].map(([, button]) => button))),
            this.words, this.aloud);
    }

    /** What is trained, and how. */
    buildChoices() {
        const { points } = this.facts;
        const among = (name, label, choices) => this.add(new Choice(label, choices,
            () => this.model.get(name), value => this.set({ [name]: value })));
        const number = (name, label, options) => this.add(new NumberField(label, options,
            () => this.model.get(name), value => this.set({ [name]: value })));
        const inBatches = () => this.model.get("batch") < points || this.model.get("replacement");
        return element("details", { class: "pl-choices-of-run", open: innerWidth > 700 },
            element("summary", {}, "Method and problem"),
            element("div", {},
                among("optimiser", "Optimiser", Object.entries(OPTIMISER_NAMES)),
                number("momentum", "Momentum", { most: () => 0.99, step: 0.01,
                    used: () => this.model.get("optimiser") === "momentum" }),
                among("basis", "Basis", Object.entries(BASIS_NAMES)),
                among("target", "Target", Object.keys(TARGETS).map(name => [name, name])),
                among("reduction", "Loss", Object.entries(REDUCTION_NAMES)),
                among("steps", "Steps", STEPS.map(steps => [steps, count(steps)])),
                among("start", "Start", Object.entries(START_NAMES)),
                number("seed", "Seed", { most: () => 9999, step: 1,
                    used: () => this.model.get("start") === "random" || inBatches() }),
                among("batch", "Batch", [[points, `all ${count(points)} points`],
                    ...BATCHES.map(size => [size, `${count(size)} point${size > 1 ? "s" : ""}`])]),
                among("replacement", "Drawn",
                    [[false, "shuffled"], [true, "with replacement"]]),
                among("schedule", "Schedule", Object.entries(SCHEDULE_NAMES)),
                number("warmup", "Warm-up", { most: () => this.model.get("steps"), step: 1,
                    used: () => true })));
    }

    /** The pictures, and what moves through them. */
    buildPictures() {
        this.playButton = element("button", { type: "button", click: () => this.play() });
        this.stepRange = element("input", { type: "range", min: 0, "aria-label": "Step shown",
            input: () => this.set({ step: Number(this.stepRange.value) }) });
        this.stepText = element("output", { "aria-live": "off" }); // Play would never be silent
        this.keepButton = element("button", { type: "button", click: () => this.keep() },
            "Keep this run");
        this.charts = {};
        const figure = (name, label, ...controls) => {
            this.charts[name] = new Chart(label, 0.68);
            return element("figure", { class: `pl-${name}` },
                element("figcaption", {}, element("b", {}, label), ...controls),
                this.charts[name].root);
        };
        const mode = (place, label) => this.add(new Choice(label,
            ["slowest", "second", "third", "fastest"].map((name, i) => [i, name]),
            () => this.modes[place], value => { this.modes[place] = value; this.later(); }));
        return element("div", { class: "pl-sight" },
            element("div", { class: "pl-row pl-play" }, this.playButton, this.stepRange,
                this.stepText, this.keepButton),
            element("div", { class: "pl-pictures" },
                figure("fit", "Data and fit"),
                figure("loss", "Loss against step"),
                figure("bowl", "The bowl", mode(0, "across"), mode(1, "up")),
                figure("sweep", "The sweep: every rate", this.add(new Choice("shows",
                    [["loss", "last loss"], ["steps", "steps to 1 %"]], () => this.measure,
                    value => { this.measure = value; this.later(); }))),
                figure("factor", "Each mode, times this per step"),
                figure("swing", "The swing: the fastest mode")),
            this.table);
    }

    /** What can be taken hold of in the pictures: the start in the bowl, the rate in the sweep. */
    addHandles() {
        const { bowl, sweep } = this.charts;
        this.startHandle = svg("g", { class: "pl-handle", role: "button", tabindex: 0,
            keydown: event => this.nudgeStart(event) },
        svg("circle", { r: 9 }), svg("text", { dy: "-1em", "text-anchor": "middle" }, "start"));
        drag(this.startHandle, event => {
            this.frozen ??= bowl.scene;
            const { x, y } = bowl.under(event);
            this.moveStart([x, y]);
        }, () => { this.frozen = null; this.later(); });
        bowl.overlay.append(this.startHandle);
        bowl.afterwards = () => {
            const { amplitudes } = this.runOf(this.settings);
            const [x, y] = bowl.place(amplitudes[this.modes[0]], amplitudes[this.modes[1]]);
            dress(this.startHandle, { transform: `translate(${x} ${y})` });
        };
        this.rateHandle = svg("g", { class: "pl-handle", role: "slider", tabindex: 0,
            "aria-label": "Learning rate, in the sweep",
            keydown: event => this.rate.key(event) }, svg("circle", { r: 9 }));
        const take = event => {
            const [low, high] = this.range;
            const rate = Math.min(Math.max(sweep.under(event).x, low), high);
            this.set({ rate: Number(rate.toPrecision(3)) });
        };
        drag(this.rateHandle, take);
        drag(sweep.picture, take);
        sweep.overlay.append(this.rateHandle);
        sweep.afterwards = () => {
            const x = Math.min(Math.max(sweep.across(this.model.get("rate")), sweep.box.left),
                sweep.box.right);
            dress(this.rateHandle, { transform: `translate(${x} ${sweep.box.top})` });
        };
    }

    /** Put the start at these distances along the two modes of the bowl. @param {number[]} at */
    moveStart(at) {
        const { settings } = this;
        const problem = problemOf(this.facts, settings);
        const amplitudes = this.runOf(settings).amplitudes.slice(0, K);
        this.modes.forEach((mode, i) => { amplitudes[mode] = at[i]; });
        const offset = Float64Array.from({ length: K }, (_, i) => amplitudes.reduce(
            (sum, z, mode) => sum + problem.eigenvectors[K * i + mode] * z, 0));
        this.set({ start: [...powersOf(problem, offset)].map(value =>
            Math.min(Math.max(Number(value.toFixed(4)), -1000), 1000) + 0) });
    }

    /** @param {KeyboardEvent} event */
    nudgeStart(event) {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1],
                      ArrowDown: [0, -1] }[event.key];
        if (!way) return;
        event.preventDefault();
        const { x, y } = this.charts.bowl.scene;
        const amplitudes = this.runOf(this.settings).amplitudes;
        this.moveStart([x, y].map((axis, i) =>
            amplitudes[this.modes[i]] + way[i] * (axis.to - axis.from) / 40));
    }

    /** Look at the state and show it. */
    show() {
        this.waiting = 0;
        const { model, hidden, settings } = this;
        const problem = problemOf(this.facts, settings);
        const run = this.runOf(settings);
        const name = model.get("challenge");
        const tellsLimit = !CHALLENGES[name]?.hidesLimit;
        if (this.spanKey !== JSON.stringify([problem.eigenvalues, settings.optimiser])) {
            this.spanKey = JSON.stringify([problem.eigenvalues, settings.optimiser]);
            this.span = spanOf(problem, settings);
        }
        this.span = [Math.min(this.span[0], settings.rate), Math.max(this.span[1], settings.rate)];
        const spans = OPTIMISERS.map(optimiser => spanOf(problem, { ...settings, optimiser }));
        this.range = [Math.min(settings.rate, ...spans.map(([low]) => low)),
            Math.max(settings.rate, ...spans.map(([, high]) => high))];
        this.sight = { problem, settings, run, hidden, tellsLimit, span: this.span,
            step: Math.min(model.get("step"), settings.steps),
            kept: model.get("kept").map(its => [its, this.runOf(its)]) };

        this.rate.show(settings.rate, this.span);
        this.controls.forEach(control => control.show());
        this.showQuestions(hidden, run);
        this.showWords(problem, settings, run, hidden, tellsLimit, name);
        this.showPlay(hidden, settings);
        this.showTable();

        const { fit, loss, bowl, factor, swing } = this.charts;
        fit.draw(fitScene(this.sight));
        loss.draw(lossScene(this.sight));
        const scene = bowlScene(this.sight, ...this.modes);
        bowl.draw(this.frozen ? { ...scene, x: this.frozen.x, y: this.frozen.y } : scene);
        dress(this.startHandle, { "aria-label": `Start of the run, at ${
            this.modes.map(mode => `${run.amplitudes[mode].toPrecision(3)} along ${
                modeName(problem, mode)}`).join(" and ")}; arrow keys move it` });
        const linear = settings.optimiser === "sgd" || settings.optimiser === "momentum";
        factor.root.parentElement.hidden = !linear;
        if (linear) factor.draw(factorScene(this.sight));
        swing.draw(swingScene(this.sight));
        this.drawSweep();
        this.sweep.ask(this.facts, settings, this.range);
        if (this.alone) this.writeAddress();
    }

    drawSweep() {
        if (!this.sight) return;
        const { rate } = this.sight.settings;
        dress(this.rateHandle, { "aria-valuemin": Math.log10(this.range[0]),
            "aria-valuemax": Math.log10(this.range[1]), "aria-valuenow": Math.log10(rate),
            "aria-valuetext": `rate ${spoken(rate)}` });
        this.charts.sweep.draw(
            sweepScene(this.sight, this.sweep.points, this.measure, this.range));
    }

    showQuestions(hidden, run) {
        const asks = this.model.get("predict_first");
        const prediction = this.model.get("prediction");
        const [right, made] = this.model.get("score");
        this.first.checked = asks;
        this.score.textContent = made ? `Score: ${right} of ${made}` : "";
        this.buttons.forEach((buttons, place) => buttons.forEach(([value, button]) => {
            const chosen = prediction[place] === value;
            const truth = [run.swings, run.end][place] === value;
            dress(button, { "aria-pressed": String(chosen), disabled: !hidden,
                "data-state": !hidden && (truth ? "right" : chosen && asks && "wrong") });
        }));
    }

    showWords(problem, settings, run, hidden, tellsLimit, name) {
        const asks = this.model.get("predict_first");
        const [swings, end] = this.model.get("prediction");
        const verdict = !asks || hidden ? "" : { 2: "Right, both. ", 1: "One of two is right. ",
            0: "Not this time. " }[(swings === run.swings) + (end === run.end)];
        const said = hidden ? `Predict what ${count(settings.steps)} steps at rate ` +
            `${rateText(settings.rate)} do: answer both questions.`
            : verdict + explain(problem, settings, run, tellsLimit);
        this.words.textContent = said + this.notice;
        this.goal.textContent = name ? CHALLENGES[name].goal : "";
        this.verdict.hidden = !name || hidden;
        let judged = "";
        if (name && !hidden) {
            const { reached, sentence } = judge(name, this.facts, settings, run, this.seen);
            dress(this.verdict, { "data-state": reached ? "right" : false });
            judged = `${reached ? "Reached." : "Not yet."} ${sentence}`;
            this.verdict.replaceChildren(element("b", {}, judged.split(" ", 1)[0]),
                judged.startsWith("Not yet.") ? judged.slice(3) : ` ${sentence}`);
        }
        clearTimeout(this.calm);
        this.calm = setTimeout(() => {
            const text = `${said} ${judged}`;
            if (this.aloud.textContent !== text) this.aloud.textContent = text;
        }, CALM);
    }

    showPlay(hidden, settings) {
        const step = this.model.get("step");
        dress(this.stepRange, { max: settings.steps, disabled: hidden,
            "aria-valuetext": `step ${count(step)} of ${count(settings.steps)}` });
        this.stepRange.value = String(step);
        this.stepText.textContent = `step ${count(step)}`;
        this.playButton.textContent = this.playing ? "❚❚ Pause" : "▶ Play";
        dress(this.playButton, { disabled: hidden && !this.playing });
        dress(this.keepButton, { disabled: hidden });
    }

    showTable() {
        const { kept } = this.sight;
        const key = JSON.stringify(kept.map(([its]) => its));
        if (key === this.tableKey) return;
        this.tableKey = key;
        const head = ["", "Rate", "Optimiser", "Steps to 1 %", "Last loss", ""];
        this.table.replaceChildren(...kept.length ? [element("table", {},
            element("caption", {}, "Kept runs"),
            element("thead", {}, element("tr", {},
                ...head.map((text, i) => element(text ? "th" : "td", text ? { scope: "col" } : {},
                    text || (i ? "" : ""))))),
            element("tbody", {}, ...kept.map(([its, run], i) => element("tr", {},
                element("td", {}, svg("svg", { width: 34, height: 10, "aria-hidden": "true" },
                    svg("path", { d: "M1 5H33", style: `stroke:var(--pl-${look(i).colour});` +
                        `stroke-width:3;stroke-dasharray:var(--pl-${look(i).dash})` }))),
                element("td", {}, rateText(its.rate)),
                element("td", {}, nameOf(its).replace(`, ${rateText(its.rate)}`, "")),
                element("td", {}, Number.isFinite(run.reached) ? count(run.reached) : "—"),
                element("td", {}, lossText(run.losses[its.steps])),
                element("td", {}, element("button", { type: "button",
                    "aria-label": `Remove ${nameOf(its)}`,
                    click: () => this.set({ kept: this.model.get("kept").filter(
                        one => !same(one, its)) }) }, "Remove")))))) ] : []);
    }

    // Links.

    get address() {
        const { origin, pathname, search } = location;
        const fragment = fragmentOf({ ...this.settings, challenge: this.model.get("challenge"),
            predict_first: this.model.get("predict_first") });
        return `${origin === "null" ? "file://" : origin}${pathname}${search}#${fragment}`;
    }

    /** Let the address follow, once the state is not the one that the page was opened with. */
    writeAddress() {
        clearTimeout(this.addressing);
        this.addressed ??= this.address;
        this.addressing = setTimeout(() => {
            if (this.address !== this.addressed) history.replaceState(null, "", this.address);
            this.addressed = this.address;
        }, CALM);
    }

    readAddress() {
        if (!location.hash.includes("=")) return; // a place on the page
        const { state, strange } = stateIn(location.hash.slice(1));
        Object.entries(state).forEach(([name, value]) => this.model.set(name, value));
        this.model.set("warmup", Math.min(this.model.get("warmup"), this.model.get("steps")));
        this.model.set("step", this.model.get("steps"));
        this.notice = strange.length
            ? ` (Not understood in the address: ${strange.join(", ")}.)` : "";
    }
}

function same(one, other) {
    return NAMES.every(name => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}

export default { render };
