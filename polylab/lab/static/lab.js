/**
 * The learning-rate lab. State: the settings of one run (see `PLAIN`), the `step` that is shown,
 * the settings of `kept` runs, `prediction`, `score`, `predict_first` and `challenge`.
 *
 * The page computes and draws; the kernel, if there is one, only keeps the state.
 */

import { CHALLENGES, judge, PLAIN } from "./challenges.js";
import {
    descend, ENDS, offsetOf, OPTIMISERS, powersOf, problemOf, startOf, TARGETS,
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
    QUESTIONS, rateIn, rateText, REDUCTION_NAMES, SCHEDULE_NAMES, spoken, START_NAMES,
} from "./words.js";

/** @typedef {import("./descent.js").Settings} Settings */

const K = 4;
const KEPT = 5; // runs beside the present one; the oldest goes first
const NOTCH = 0.004; // decades between two positions of the slider, 0.93 %
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
        this.modes = [0, K - 1];
        this.measure = "loss";
        this.runs = new Map();
        this.seen = [];
        this.controls = [];
        this.sweep = new Sweep(() => this.drawSweep());
        if (alone) this.readAddress();
        this.build(el);
        this.later = () => { this.waiting ||= requestAnimationFrame(() => this.show()); };
        this.opened = () => { this.seen = []; };
        model.on("change:challenge", this.opened);
        model.on("change", this.later);
        this.show();
    }

    free() {
        this.model.off("change:challenge", this.opened);
        this.model.off("change", this.later);
        cancelAnimationFrame(this.waiting);
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
            changes.score = [right + (prediction[0] === swings) + (prediction[1] === end), made + 2];
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
        this.seen = [];
        this.set({ challenge: name, ...(name ? { ...PLAIN, ...CHALLENGES[name].begin } : {}) });
    }

    reset() {
        this.stop();
        this.set({ ...PLAIN, challenge: null, kept: [], score: [0, 0] });
        this.set({ prediction: [null, null], step: PLAIN.steps });
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
            this.tick();
        }, still ? 900 : this.model.get("step") < WATCHED ? 90 : 60);
    }

    // The page.

    build(el) {
        const { facts } = this;
        const points = facts.points;
        const title = (text, ...more) => element("figcaption", {}, element("b", {}, text), ...more);
        const figure = (name, label, ...caption) => {
            const chart = new Chart(label, 0.68);
            this.charts = { ...this.charts, [name]: chart };
            return element("figure", { class: `pl-${name}` }, title(label, ...caption), chart.root);
        };
        this.rate = new RateControl(rate => this.set({ rate }));
        this.words = element("p", { class: "pl-words" });
        this.aloud = element("p", { class: "pl-aloud", role: "status" });
        this.goal = element("p", { class: "pl-goal" });
        this.verdict = element("p", { class: "pl-verdict" });
        this.table = element("div", { class: "pl-kept" });
        this.buttons = [
            [[true, "Yes"], [false, "No"]],
            ENDS.map(end => [end, end]),
        ].map((answers, place) => answers.map(([value, text]) => [value, element("button", {
            type: "button", title: END_MEANINGS[value] ?? false,
            click: () => this.predict(place, value) }, text)]));
        const questions = Object.values(QUESTIONS).map((question, place) =>
            element("fieldset", {}, element("legend", {}, question),
                ...this.buttons[place].map(([, button]) => button)));
        this.first = element("input", { type: "checkbox",
            change: () => this.set({ predict_first: this.first.checked }) });
        this.score = element("span", { class: "pl-score" });
        this.playButton = element("button", { type: "button", click: () => this.play() });
        this.stepRange = element("input", { type: "range", min: 0, "aria-label": "Step shown",
            input: () => this.set({ step: Number(this.stepRange.value) }) });
        this.stepText = element("output", {});
        this.keepButton = element("button", { type: "button", click: () => this.keep() },
            "Keep this run");
        const mode = place => this.select(`${place ? "up" : "across"}`,
            problemOf(facts, this.settings).eigenvalues.map((_, i) =>
                [i, ["slowest", "second", "third", "fastest"][i]]),
            () => this.modes[place], value => { this.modes[place] = value; this.later(); });
        const copy = (text, what) => element("button", { type: "button", click: event =>
            this.copy(/** @type {HTMLElement} */ (event.currentTarget), what()) }, text);
        const entries = (names, keys = Object.keys(names)) => keys.map(key => [key, names[key]]);

        furnish(el, "pl-lab");
        el.replaceChildren(element("div", { class: "pl-bench" },
            this.rate.root,
            element("div", { class: "pl-ask" },
                element("label", { class: "pl-check" }, this.first, " Predict first"), this.score,
                ...questions, this.words, this.aloud),
            element("details", { class: "pl-choices-of-run", open: innerWidth > 700 },
                element("summary", {}, "Method and problem"), element("div", {},
                this.trait("optimiser", "Optimiser", entries(OPTIMISER_NAMES, OPTIMISERS)),
                this.number("momentum", "Momentum", 0, 0.99, 0.01, "for momentum only"),
                this.trait("basis", "Basis", entries(BASIS_NAMES)),
                this.trait("target", "Target", Object.keys(TARGETS).map(key => [key, key])),
                this.trait("reduction", "Loss", entries(REDUCTION_NAMES)),
                this.trait("steps", "Steps", STEPS.map(steps => [steps, count(steps)])),
                this.trait("start", "Start", entries(START_NAMES)),
                this.number("seed", "Seed", 0, 9999, 1, "of a random start and of batches"),
                this.trait("batch", "Batch", [[points, `all ${count(points)} points`],
                    ...BATCHES.map(size => [size, `${count(size)} point${size > 1 ? "s" : ""}`])]),
                this.trait("replacement", "Drawn", [[false, "shuffled, dealt out"],
                    [true, "with replacement"]]),
                this.trait("schedule", "Schedule", entries(SCHEDULE_NAMES)),
                this.number("warmup", "Warm-up", 0, 20_000, 1, "steps in which the rate rises"))),
            this.sights(figure, mode),
            element("div", { class: "pl-more" },
                this.select("Challenge", [[null, "none"],
                    ...Object.keys(CHALLENGES).map(name => [name, name])],
                () => this.model.get("challenge"), name => this.choose(name)),
                element("div", { class: "pl-challenge" }, this.goal, this.verdict),
                element("div", { class: "pl-row" },
                    ...this.alone ? [copy("Copy link", () => this.address())] : [],
                    copy("Copy Python", () => pythonOf(this.settings, points)),
                    element("button", { type: "button", click: () => this.reset() }, "Reset")))));
        this.addHandles();
    }

    /** The pictures, and what moves through them. */
    sights(figure, mode) {
        return element("div", { class: "pl-sight" },
            element("div", { class: "pl-row pl-play" }, this.playButton, this.stepRange,
                this.stepText, this.keepButton),
            element("div", { class: "pl-pictures" },
                figure("fit", "Data and fit"),
                figure("loss", "Loss against step"),
                figure("bowl", "The bowl", mode(0), mode(1)),
                figure("sweep", "The sweep: every rate", this.select("shows",
                    [["loss", "last loss"], ["steps", "steps to 1 %"]], () => this.measure,
                    value => { this.measure = value; this.later(); })),
                figure("factor", "Each mode, times this per step"),
                figure("swing", "The swing: the fastest mode")),
            this.table);
    }

    /** A labelled list of choices. A value that is not in the list joins it. */
    select(label, choices, read, write) {
        const text = value => JSON.stringify(value);
        const list = element("select", { "aria-label": label,
            change: () => write(JSON.parse(list.value)) },
            ...choices.map(([value, name]) => element("option", { value: text(value) }, name)));
        this.controls.push(() => {
            const value = text(read());
            if (![...list.options].some(option => option.value === value)) {
                const own = Array.isArray(read()) ? "your own" : typeof read() === "number"
                    ? count(read()) : String(read());
                list.append(element("option", { value }, own));
            }
            list.value = value;
        });
        return element("label", {}, element("span", {}, label), list);
    }

    /** @param {keyof Settings} name */
    trait(name, label, choices) {
        return this.select(label, choices, () => this.model.get(name),
            value => this.set({ [name]: value }));
    }

    /** @param {keyof Settings} name */
    number(name, label, least, most, step, hint) {
        const highest = () => (name === "warmup" ? this.model.get("steps") : most);
        const field = element("input", { type: "number", min: least, max: most, step, title: hint,
            "aria-label": label,
            change: () => {
                const value = Number(field.value);
                const fits = field.value !== "" && value >= least && value <= highest() &&
                    (step < 1 || Number.isInteger(value));
                dress(field, { "aria-invalid": !fits && "true" });
                refusal.hidden = fits;
                refusal.textContent = fits ? "" : `${label} must be ${step < 1 ? "a" : "a whole"} ` +
                    `number from ${least} to ${count(highest()) === "1" ? most : count(highest())}.`;
                if (fits) this.set({ [name]: value });
            } });
        const refusal = element("span", { class: "pl-refusal", role: "alert", hidden: true });
        let shown;
        this.controls.push(() => {
            const value = this.model.get(name);
            field.disabled = { momentum: this.model.get("optimiser") !== "momentum",
                seed: this.model.get("start") !== "random" && !this.inBatches }[name] ?? false;
            if (value !== shown) field.value = String(value);
            shown = value;
        });
        return element("label", {}, element("span", {}, label), field, refusal);
    }

    get inBatches() {
        return this.model.get("batch") < this.facts.points || this.model.get("replacement");
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
        const offset = Float64Array.from({ length: K }, (_, i) => amplitudes.reduce((sum, z, mode) =>
            sum + problem.eigenvectors[K * i + mode] * z, 0));
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
        if (!hidden) this.seen.push({ rate: settings.rate, gone: run.end === "gone" });

        this.rate.show(settings.rate, this.span);
        this.controls.forEach(control => control());
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
        this.words.textContent = said + (this.notice ? ` ${this.notice}` : "");
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

    address() {
        const parts = new URLSearchParams();
        for (const [name, value] of Object.entries(this.settings)) {
            if (JSON.stringify(value) !== JSON.stringify(PLAIN[name])) {
                parts.set(name, typeof value === "string" ? value : JSON.stringify(value));
            }
        }
        if (this.model.get("challenge")) parts.set("challenge", this.model.get("challenge"));
        if (!this.model.get("predict_first")) parts.set("predict", "no");
        const { origin, pathname, search } = location;
        return `${origin === "null" ? "file://" : origin}${pathname}${search}#${parts}`;
    }

    writeAddress() {
        clearTimeout(this.addressing);
        this.addressing = setTimeout(() => {
            const wanted = this.address();
            if (wanted !== location.href) history.replaceState(null, "", wanted);
        }, 400);
    }

    readAddress() {
        const parts = new URLSearchParams(location.hash.slice(1));
        const strange = [];
        for (const [name, text] of parts) {
            if (name === "challenge" && text in CHALLENGES) this.model.set(name, text);
            else if (name === "predict") this.model.set("predict_first", text !== "no");
            else {
                const value = settingIn(name, text);
                if (value === undefined) strange.push(`${name}=${text}`);
                else this.model.set(name, value);
            }
        }
        this.model.set("warmup", Math.min(this.model.get("warmup"), this.model.get("steps")));
        this.model.set("step", this.model.get("steps"));
        this.notice = strange.length
            ? `(Not understood in the address: ${strange.join(", ")}.)` : "";
    }

    /** @param {HTMLElement} button @param {string} text */
    async copy(button, text) {
        const label = button.textContent;
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            // Without https there is no clipboard to write to, but a selection can be copied.
            const area = element("textarea", {}, text);
            button.after(area);
            area.select();
            document.execCommand("copy");
            area.remove();
            button.focus();
        }
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = label; }, 1500);
    }
}

/** The learning rate: a slider, and a field that understands what people type. */
class RateControl {
    /** @param {(rate: number) => void} write */
    constructor(write) {
        this.write = write;
        this.value = PLAIN.rate;
        this.range = element("input", { type: "range", step: NOTCH, "aria-label": "Learning rate",
            input: () => this.write(Number((10 ** Number(this.range.value)).toPrecision(4))) });
        this.field = element("input", { type: "text", size: 9, autocomplete: "off",
            inputmode: "text", spellcheck: "false", "aria-label": "Learning rate, as a number",
            change: () => this.type() });
        this.refusal = element("span", { class: "pl-refusal", role: "alert", hidden: true });
        this.root = element("div", { class: "pl-rate" },
            element("b", { "aria-hidden": "true" }, "Learning rate"), this.range, this.field,
            this.refusal);
    }

    type() {
        const read = rateIn(this.field.value);
        const refusal = "refusal" in read ? read.refusal : "";
        dress(this.field, { "aria-invalid": refusal !== "" && "true" });
        this.refusal.hidden = refusal === "";
        this.refusal.textContent = refusal;
        if ("rate" in read) {
            this.shown = NaN; // whatever was typed, the field says the rate in the usual way
            this.write(read.rate);
            this.show(this.value, this.span);
        }
    }

    /** Move the rate by keys, as a slider does. @param {KeyboardEvent} event */
    key(event) {
        const notches = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 25,
                          PageDown: -25 }[event.key];
        if (!notches) return;
        event.preventDefault();
        this.write(Number((this.value * 10 ** (notches * NOTCH)).toPrecision(4)));
    }

    /** @param {number} rate @param {[number, number]} span */
    show(rate, span) {
        this.value = rate;
        this.span = span;
        const [low, high] = span.map(Math.log10);
        dress(this.range, { min: low, max: high, "aria-valuetext": `rate ${spoken(rate)}` });
        const place = Math.log10(rate);
        if (Math.abs(Number(this.range.value) - place) > NOTCH / 2) this.range.value = String(place);
        if (rate !== this.shown) {
            this.field.value = rateText(rate, 7);
            dress(this.field, { "aria-invalid": false });
            this.refusal.hidden = true;
        }
        this.shown = rate;
    }
}

/** Follow a pointer from where it is pressed. */
function drag(target, move, end = () => {}) {
    dress(target, {
        pointerdown: event => {
            if (event.button !== 0) return;
            event.preventDefault();
            target.setPointerCapture(event.pointerId);
            target.focus?.();
            move(event);
        },
        pointermove: event => { if (target.hasPointerCapture(event.pointerId)) move(event); },
        pointerup: end,
        pointercancel: end,
    });
}

/** Return a setting written in an address, or undefined if it is none. */
function settingIn(name, text) {
    const whole = (least, most) => (/^\d+$/.test(text) && Number(text) >= least &&
        Number(text) <= most ? Number(text) : undefined);
    const among = names => (names.includes(text) ? text : undefined);
    switch (name) {
        case "rate": {
            const read = rateIn(text);
            return "rate" in read ? read.rate : undefined;
        }
        case "optimiser": return among(OPTIMISERS);
        case "basis": return among(Object.keys(BASIS_NAMES));
        case "target": return among(Object.keys(TARGETS));
        case "reduction": return among(Object.keys(REDUCTION_NAMES));
        case "schedule": return among(Object.keys(SCHEDULE_NAMES));
        case "momentum": return Number(text) >= 0 && Number(text) <= 0.99 ? Number(text) : undefined;
        case "steps": return whole(1, 20_000);
        case "seed": return whole(0, 9999);
        case "batch": return whole(1, 2000);
        case "warmup": return whole(0, 20_000);
        case "replacement": return { true: true, false: false }[text];
        case "start": {
            const numbers = text.replace(/[[\]\s]/g, "").split(",").map(Number);
            const four = numbers.length === 4 && numbers.every(it => Math.abs(it) <= 1000);
            return among(Object.keys(START_NAMES)) ?? (four ? numbers : undefined);
        }
    }
    return undefined;
}

function same(one, other) {
    return NAMES.every(name => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}

export default { render };
