/** The pictures of the learning-rate lab: a run turned into what `draw.js` draws. No DOM. */

import { factorsOf, limitOf, OPTIMISERS, powersOf, TARGETS } from "./descent.js";
import { tickText } from "./draw.js";
import { count, lossText, nameOf, OPTIMISER_NAMES, rateText, sizeText } from "./words.js";

/**
 * @typedef {import("./draw.js").Scene} Scene
 * @typedef {import("./descent.js").Settings} Settings
 * @typedef {import("./descent.js").Problem} Problem
 * @typedef {import("./descent.js").Run} Run
 *
 * What the pictures show. While a run is still to be predicted, `run` is its first moment alone.
 * @typedef {object} Sight
 * @property {Problem} problem
 * @property {Settings} settings
 * @property {Run} run
 * @property {boolean} hidden
 * @property {boolean} tellsLimit
 * @property {number} step that is shown
 * @property {[Settings, Run][]} kept
 * @property {[number, number]} span rates from the left end of the slider to the right
 */

const K = 4;
const ANGLES = [[-Math.PI, "−π"], [-Math.PI / 2, "−π/2"], [0, "0"], [Math.PI / 2, "π/2"],
    [Math.PI, "π"]];
const FINE = Array.from({ length: 161 }, (_, i) => -Math.PI + (2 * Math.PI * i) / 160);
const FEW = FINE.filter((_, i) => i % 4 === 0); // where data and residuals are drawn
const SWINGS = 30; // steps of the picture of the swing
const STYLES = 5;

/** The marks of a kept run or a mode: a colour and a line style of its own. @param {number} i */
export function look(i) {
    const number = 1 + (i % STYLES);
    return { colour: `series-${number}`, dash: `style-${number}` };
}

/** The rates that are interesting: what the slider spans. @param {Problem} problem
 * @param {Settings} settings @returns {[number, number]} */
export function spanOf(problem, settings) {
    const limit = limitOf(problem, settings);
    if (limit === null) return [1e-4, 1];
    return settings.optimiser === "sgd" ? [limit / 20, 2.2 * limit] : [limit / 1000, 3 * limit];
}

/** (a) Data, fit, start, residuals. @param {Sight} sight @returns {Scene} */
export function fitScene({ problem, settings, run, hidden, step }) {
    const truth = TARGETS[settings.target];
    const [start, here] = [0, step].map(at =>
        [...powersOf(problem, run.offsets.subarray(K * at, K * at + K))]);
    const values = (coefficients, xs) => xs.map(x => {
        const [a, b, c, d] = coefficients;
        return a + x * (b + x * (c + x * d));
    });
    const targets = FINE.map(truth);
    const [least, most] = [Math.min(...targets), Math.max(...targets)];
    const room = 0.75 * (most - least);
    const [from, to] = [least - room, most + room];
    const fit = values(here, FINE);
    const lost = !fit.some(value => value > from && value < to);
    const data = FEW.map(truth), few = values(here, FEW);
    const square = settings.target === "square wave";
    return {
        x: { from: -Math.PI, to: Math.PI, label: "x", ticks: ANGLES },
        y: { from, to, label: "y" },
        marks: [
            ...hidden || lost ? [] : [{ kind: "bars", x: FEW, y: data, y2: few, colour: "series-1",
                width: 1.5, name: "residuals" }],
            { kind: "curve", x: FINE, y: targets, colour: "truth", width: 4, opacity: 0.35,
              name: settings.target },
            { kind: "points", x: FEW, y: data, colour: "ink", width: 4,
              name: `data (${FEW.length} of ${count(problem.points)})` },
            { kind: "curve", x: FINE, y: values(start, FINE), colour: "guess", dash: "style-2",
              name: "start" },
            ...hidden || lost ? [] : [{ kind: "curve", x: FINE, y: fit, colour: "fit", width: 3,
                name: step === settings.steps ? "fit" : `fit at step ${count(step)}` }],
            ...!hidden && lost ? [{ kind: "label", x: 0, y: to - 0.3 * room, anchor: "middle",
                text: "the fit has left the picture" }] : [],
        ],
        text: hidden ? "The data and the curve that the run starts from." :
            lost ? "The fitted curve has left the picture." :
                `The fit after ${count(step)} steps is ${polynomial(here)}` +
                `${square ? "; the data jump from −1 to 1 at 0" : ""}.`,
    };
}

/** @param {number[]} coefficients */
function polynomial(coefficients) {
    return coefficients.map((value, i) =>
        `${i ? (value < 0 ? " minus " : " plus ") : value < 0 ? "minus " : ""}` +
        `${sizeText(Math.abs(value))}${["", " x", " x squared", " x cubed"][i]}`).join("");
}

/** (b) Loss against step, with the floor and the kept runs. @param {Sight} sight
 * @returns {Scene} */
export function lossScene({ problem, settings, run, hidden, step, kept }) {
    const { floor } = problem;
    const all = [run, ...kept.map(([, one]) => one)];
    const end = hidden ? settings.steps : Math.max(...all.map(one => showsUntil(one, floor)));
    const to = step < settings.steps ? Math.max(end, step) : end;
    const first = Math.max(...all.map(one => one.losses[0]));
    const highest = Math.max(first, ...all.map(({ losses }) =>
        losses.reduce((most, loss) => (loss > most && loss < 1e3 * first ? loss : most), 0)));
    const last = run.losses[run.losses.length - 1];
    const beyond = !hidden && !(last <= highest);
    const y = { from: floor * 0.7, to: 2.5 * highest, log: true, label: "loss" };
    const note = { kind: "label", x: 0.97 * to, y: y.from * (y.to / y.from) ** 0.9, anchor: "end" };
    return {
        x: { from: 0, to, label: "step" },
        y,
        marks: [
            { kind: "rule", y: floor, colour: "floor", dash: "dashed",
              name: `floor ${sizeText(floor, 4)}` },
            ...kept.map(([its, one], i) => ({ kind: "curve", y: one.losses, ...look(i), width: 2,
                name: nameOf(its) })),
            ...hidden ? [] : [{ kind: "curve", y: run.losses, colour: "fit", width: 3,
                name: nameOf(settings) }],
            { kind: "points", x: [hidden ? 0 : step], y: [run.losses[hidden ? 0 : step]],
              colour: "fit", width: 11 },
            ...beyond ? [{ ...note, text: `ends ${Number.isFinite(last) ? "at " : ""}${
                sizeText(last)}` }] : [],
            ...!hidden && to < settings.steps && !beyond ? [{ ...note,
                text: `step ${count(settings.steps)}: ${lossText(last)}` }] : [],
        ],
        text: hidden ? `The loss starts at ${lossText(first)}; the floor is ` +
            `${sizeText(floor, 4)}.` :
            `The loss goes from ${lossText(run.losses[0])} to ${lossText(last)} in ` +
            `${count(settings.steps)} steps; the floor is ${sizeText(floor, 4)}. ` +
            kept.map(([its, one]) => `Kept: ${nameOf(its)}, ends at ` +
                `${lossText(one.losses[one.losses.length - 1])}.`).join(" "),
    };
}

/** The step after which a run shows nothing new: twice what it takes to settle at the floor. */
function showsUntil({ losses, end, reached }, floor) {
    const steps = losses.length - 1;
    if (end !== "at the floor" || losses.subarray(2 * reached).some(loss => loss > 1.02 * floor)) {
        return Math.max(steps, 1);
    }
    return Math.max(Math.min(steps, Math.max(2 * reached, 10)), 1);
}

/** (c) The bowl over two modes, with the path of the run.
 * @param {Sight} sight @param {number} across a mode @param {number} up another mode
 * @returns {Scene} */
export function bowlScene({ problem, settings, run, hidden, step }, across, up) {
    const { eigenvalues } = problem;
    const now = hidden ? 0 : step;
    const starts = [across, up].map(mode => Math.abs(run.amplitudes[mode]) || 1e-6);
    // The axes fit the run. One that is gone is drawn until it has left the picture.
    let last = 0;
    const inside = t => [across, up].every((mode, i) =>
        Math.abs(run.amplitudes[K * t + mode]) <= 5 * starts[i]);
    while (last < now && inside(last)) last++;
    const path = [across, up].map(mode => Array.from({ length: last + 1 }, (_, t) =>
        run.amplitudes[K * t + mode]));
    const gone = !inside(last);
    const [x, y] = [[across, 0], [up, 1]].map(([mode, i]) => {
        const reach = 1.15 * path[i].reduce((most, z) =>
            Math.max(most, Math.min(Math.abs(z), 3 * starts[i])), starts[i]);
        return { from: -reach, to: reach,
            label: `${i ? "" : "along "}${modeName(problem, mode)}` };
    });
    const energy = (eigenvalues[across] * x.to ** 2 + eigenvalues[up] * y.to ** 2) / 2;
    const turns = Array.from({ length: 73 }, (_, i) => (2 * Math.PI * i) / 72);
    const levels = Array.from({ length: 9 }, (_, i) => energy / 2.6 ** i);
    const axis = (mode, wave) => level =>
        turns.map(turn => Math.sqrt((2 * level) / eigenvalues[mode]) * wave(turn));
    const ends = path.map(line => line[line.length - 1]);
    return {
        x,
        y,
        marks: [
            ...levels.map((level, i) => ({ kind: "curve", x: axis(across, Math.cos)(level),
                y: axis(up, Math.sin)(level), colour: "edge", width: 1, opacity: 0.75,
                name: i === 5 ? "equal loss" : undefined })),
            { kind: "points", x: [0], y: [0], colour: "floor", width: 11, name: "the floor" },
            ...hidden ? [] : [{ kind: "curve", x: path[0], y: path[1], colour: "fit", width: 2,
                name: "path" }],
            ...hidden || last > 60 ? [] : [{ kind: "points", x: path[0], y: path[1],
                colour: "fit", width: 5 }],
            ...gone ? [{ kind: "label", x: 0, y: 0.85 * y.to, anchor: "middle",
                text: "the path leaves the picture" }] : [],
        ],
        text: `The loss over ${modeName(problem, across)} and ${modeName(problem, up)}: rings of ` +
            `equal loss around the lowest point. The start is at ${tickText(path[0][0], 3)} and ` +
            `${tickText(path[1][0], 3)}. ` + (hidden ? "" : gone ? "The path leaves the picture." :
            `After ${count(last)} steps the run is at ${tickText(ends[0], 3)} and ` +
            `${tickText(ends[1], 3)}. It changes sides along the second ` +
            `${count(sideChanges(path[1]))} times.`),
    };
}

/** @param {number[]} line */
function sideChanges(line) {
    return line.slice(1).filter((z, i) => z * line[i] < 0).length;
}

/** @param {Problem} problem @param {number} mode */
export function modeName({ eigenvalues }, mode) {
    const place = ["the slowest mode", "the second mode", "the third mode", "the fastest mode"];
    return `${place[mode]} (λ ${curvature(eigenvalues[mode])})`;
}

function curvature(value) {
    return value >= 1000 ? count(value) : String(Number(value.toPrecision(3)));
}

/**
 * (d) The sweep: what becomes of every rate, for every optimiser.
 * @param {Sight} sight
 * @param {Object<string, {rate: number, last: number, reached: number}[]>} sweep sorted by rate
 * @param {"loss" | "steps"} measure
 * @param {[number, number]} range
 * @returns {Scene}
 */
export function sweepScene({ problem, settings, run, hidden, tellsLimit }, sweep, measure, range) {
    const { floor } = problem;
    const first = run.losses[0];
    const limit = limitOf(problem, { ...settings, optimiser: "sgd" });
    const inSteps = measure === "steps";
    const y = inSteps ? { from: 1, to: 1.2 * settings.steps, log: true,
        label: "steps to within 1 %" } : { from: 0.7 * floor, to: 5 * first, log: true,
        label: "last loss" };
    const curves = hidden || !tellsLimit ? [] : OPTIMISERS.map((optimiser, i) => {
        const points = sweep[optimiser] ?? [];
        return {
            kind: "curve", x: points.map(({ rate }) => rate),
            y: points.map(({ reached, last }) => (inSteps ? reached : Math.min(last, 1e300))),
            colour: `series-${i}`, dash: i ? `style-${i}` : undefined,
            width: optimiser === settings.optimiser ? 4 : 2,
            name: optimiser === "momentum" ? `momentum ${settings.momentum}`
                : OPTIMISER_NAMES[optimiser],
        };
    });
    const here = inSteps ? run.reached : run.losses[run.losses.length - 1];
    return {
        x: { from: range[0], to: range[1], log: true, label: "learning rate" },
        y,
        marks: [
            ...inSteps ? [] : [{ kind: "rule", y: floor, colour: "floor", dash: "dashed",
                name: `floor ${sizeText(floor, 4)}` }],
            ...tellsLimit && !hidden ? [{ kind: "rule", x: limit, colour: "truth", dash: "style-3",
                name: `2/λmax = ${rateText(limit)}` }] : [],
            ...curves,
            { kind: "rule", x: settings.rate, colour: "ink", width: 1.5,
              name: `your rate, ${rateText(settings.rate)}` },
            ...hidden ? [{ kind: "label", x: Math.sqrt(range[0] * range[1]),
                y: Math.sqrt(y.from * y.to), anchor: "middle", text: "first predict this run" }]
                : tellsLimit ? [{ kind: "points", x: [settings.rate], y: [here], colour: "fit",
                    width: 11 }]
                    : [{ kind: "label", x: Math.sqrt(range[0] * range[1]), anchor: "middle",
                        y: Math.sqrt(y.from * y.to), text: "hidden by the challenge" }],
        ],
        text: `Rates from ${rateText(range[0], 2)} to ${rateText(range[1], 2)}; yours is ` +
            `${rateText(settings.rate)}. ` + (hidden || !tellsLimit
            ? "What each of them gives is not shown yet." : OPTIMISERS.map(optimiser =>
                bestOf(optimiser, sweep[optimiser] ?? [])).join(" ")),
    };
}

function bestOf(optimiser, points) {
    const best = points.reduce((least, point) => (point.last < least.last ? point : least),
        { rate: NaN, last: Infinity });
    return best.last === Infinity ? "" : `${OPTIMISER_NAMES[optimiser]} ends lowest, at ` +
        `${lossText(best.last)}, with rate ${rateText(best.rate, 2)}.`;
}

/** (e) What each mode is multiplied by per step, for optimisers that are linear.
 * @param {Sight} sight @returns {Scene} */
export function factorScene({ problem, settings, hidden, tellsLimit, span }) {
    const limit = limitOf(problem, settings);
    const [low, high] = span;
    const rates = Array.from({ length: 201 }, (_, i) => low * (high / low) ** (i / 200));
    const size = ([real, imaginary]) => Math.hypot(real, imaginary);
    const sizes = rates.map(rate => factorsOf(problem, settings, rate).map(size));
    const here = factorsOf(problem, settings, settings.rate).map(size);
    const shows = !hidden && tellsLimit;
    const to = 1.5;
    return {
        x: { from: low, to: high, log: true, label: "learning rate" },
        y: { from: 0, to, label: "size of the factor" },
        marks: [
            { kind: "rule", y: 1, colour: "edge", width: 1 },
            ...tellsLimit ? problem.eigenvalues.map((value, mode) => ({ kind: "curve", x: rates,
                y: sizes.map(row => row[mode]), ...look(mode), name: `λ ${curvature(value)}` }))
                : [],
            ...shows ? [{ kind: "rule", x: settings.rate, colour: "ink", width: 1.5,
                name: `your rate, ${rateText(settings.rate)}` },
            { kind: "points", x: here.map(() => settings.rate), y: here, colour: "fit",
              width: 10, name: "this run" }] : [],
            ...tellsLimit ? [{ kind: "rule", x: limit, colour: "truth", dash: "style-3",
                anchor: "end", text: `limit ${rateText(limit)}` }] : [],
            ...shows && here[K - 1] > to ? [{ kind: "label", x: low * 1.1, y: 1.38,
                text: `the fastest: ${sizeText(here[K - 1])}` }] : [],
        ],
        text: shows ? `At ${rateText(settings.rate)} a step multiplies the modes, from the ` +
            `slowest to the fastest, by ${here.map(value => sizeText(value)).join(", ")} in size.`
            : "The factors of this run are not shown yet.",
    };
}

/** (f) The swing itself: the fastest mode over the first steps. @param {Sight} sight
 * @returns {Scene} */
export function swingScene({ problem, settings, run, hidden }) {
    const steps = hidden ? 0 : Math.min(SWINGS, settings.steps);
    const line = Array.from({ length: steps + 1 }, (_, t) => run.amplitudes[K * t + K - 1]);
    const start = Math.abs(line[0]) || 1e-6;
    const widest = line.reduce((most, z) => Math.max(most, Math.abs(z)), start);
    const reach = 1.15 * Math.min(widest, 5 * start);
    const beyond = !(widest <= reach);
    return {
        x: { from: 0, to: Math.max(1, Math.min(SWINGS, settings.steps)), label: "step" },
        y: { from: -reach, to: reach, label: "distance to the best" },
        marks: [
            { kind: "rule", y: 0, colour: "floor", dash: "dashed", name: "lowest point" },
            { kind: "curve", y: line, colour: "fit", width: 2, name: modeName(problem, K - 1) },
            { kind: "points", y: line, colour: "fit", width: 6 },
            ...beyond ? [{ kind: "label", x: 1, y: 0.85 * reach,
                text: `reaches ${sizeText(widest)} by step ${steps}` }] : [],
        ],
        text: hidden ? "Only the start is shown yet." : `In ${steps} steps the fastest mode ` +
            `goes from ${tickText(line[0], 3)} to ${tickText(line[steps], 3)} and changes sides ` +
            `${count(sideChanges(line))} times.`,
    };
}
