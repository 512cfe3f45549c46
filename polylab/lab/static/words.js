/** What the learning-rate lab says: names, numbers, and what became of a run. No DOM. */

import { factorsOf, limitOf, scheduleFactors } from "./descent.js";

/** @typedef {import("./descent.js").Settings} Settings */

export const OPTIMISER_NAMES = {
    sgd: "plain descent", momentum: "momentum (heavy ball)", rmsprop: "RMSprop", adam: "Adam",
};
export const REDUCTION_NAMES = { sum: "sum of squares", mean: "mean of squares" };
export const SCHEDULE_NAMES = {
    constant: "constant", step: "in steps", cosine: "cosine", "1/t": "like 1/t",
};
export const BASIS_NAMES = {
    powers: "powers of x", legendre: "Legendre", standardised: "standardised",
    orthonormal: "orthonormal",
};
export const START_NAMES = { common: "common start", zeros: "zeros", random: "random" };
export const QUESTIONS = { swings: "Does anything swing?", end: "Where does it end?" };
export const END_MEANINGS = {
    "at the floor": "within 1 % of the best possible loss",
    "short of it": "above the floor: still on its way, or hopping about",
    gone: "above where it began, or on its way there",
};

/**
 * Return a rate as Python and the course write it, such as 3.558e-6.
 * @param {number} rate @param {number} [digits] significant ones, at most
 */
export function rateText(rate, digits = 4) {
    const [mantissa, exponent] = rate.toExponential(digits - 1).split("e");
    return Number(exponent) >= -1 ? String(Number(rate.toPrecision(digits)))
        : `${Number(mantissa)}e${exponent}`;
}

/**
 * Return a number as a person would say it: "3.4 times ten to the minus six".
 * @param {number} value
 */
export function spoken(value) {
    const [mantissa, exponent] = value.toExponential(3).split("e").map(Number);
    if (exponent >= -2 && exponent < 6) return String(Number(value.toPrecision(4)));
    const power = `ten to the ${exponent < 0 ? "minus " : ""}${NUMERALS[Math.abs(exponent)] ??
        Math.abs(exponent)}`;
    return mantissa === 1 ? power : `${mantissa} times ${power}`;
}

const NUMERALS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * Read a rate as people type it: 3e-6, 3·10^-6, 3×10⁻⁶, 2,5e-6.
 * @param {string} text
 * @returns {{rate: number} | {refusal: string}}
 */
export function rateIn(text) {
    const plain = text.trim().toLowerCase()
        .replace(/[−–]/g, "-")
        .replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+/g, power => `^${[...power].map(sign =>
            sign === "⁻" ? "-" : SUPERSCRIPTS.indexOf(sign)).join("")}`)
        .replace(/\s+/g, "");
    const number = plain
        .replace(/^(.*?)[·×*x]?10(?:\^|\*\*)\(?([-+]?\d+)\)?$/, (_, head, power) =>
            `${head || 1}e${power}`)
        .replace(/^([-+]?\d*),(\d+)/, "$1.$2");
    const rate = Number(number);
    const examples = "Write it as 3e-6, 3·10^-6 or 0.000003.";
    if (!/\d/.test(number) || !Number.isFinite(rate)) {
        return { refusal: `“${text.trim()}” is not a number. ${examples}` };
    }
    if (rate < 0) return { refusal: "A negative rate would climb. Give a rate above 0." };
    if (rate === 0) return { refusal: "At rate 0 nothing moves. Give a rate above 0." };
    if (rate < 1e-12 || rate > 1e3) {
        return { refusal: `${rateText(rate)} is out of range: rates from 1e-12 to 1000.` };
    }
    return { rate };
}

/** Return a whole number with commas. @param {number} value */
export function count(value) {
    return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Return a positive number with few digits: 0.0123, 8.817, 215,794, 3.4e37. @param {number} value
 * @param {number} [digits] */
export function sizeText(value, digits = 3) {
    if (!Number.isFinite(value)) return "beyond all numbers";
    if (value === 0) return "0";
    if (value >= 10 ** digits && value < 1e7) return count(value);
    return value >= 1e-4 && value < 1e7 ? String(Number(value.toPrecision(digits)))
        : rateText(value, digits);
}

/** @param {number} loss */
export const lossText = loss => sizeText(loss, 5);

/** @param {number} ratio */
function percent(ratio) {
    return ratio >= 9.995 ? `${sizeText(ratio)} times` : `${sizeText(100 * ratio)} %`;
}

/** Return a factor; its distance from 1 and from 0 keep their digits. @param {number} value */
export function factorText(value) {
    const size = Math.abs(value);
    const near = [Math.abs(1 - size), size].filter(gap => gap > 1e-9 && gap < 0.1);
    const digits = near.length ? Math.min(9, 2 - Math.floor(Math.log10(near[0]))) : 3;
    return (value < 0 ? "−" : "") + (size < 1000 ? size.toFixed(digits) : sizeText(size));
}

/** Name a run in a legend or a table. @param {Settings} settings */
export function nameOf(settings) {
    const { optimiser, momentum, rate, batch, schedule } = settings;
    const name = optimiser === "momentum" ? `momentum ${momentum}` : OPTIMISER_NAMES[optimiser];
    return `${name}, ${rateText(rate)}${schedule === "constant" ? "" : `, ${schedule}`}` +
        `${batch === 2000 ? "" : `, batches of ${count(batch)}`}`;
}

/**
 * @param {import("./descent.js").Problem} problem
 * @param {import("./descent.js").Run} run
 */
function endingOf(problem, run) {
    const last = run.losses[run.losses.length - 1];
    const above = last / problem.floor - 1;
    return Number.isFinite(last)
        ? `loss ${lossText(last)}, ${above > 5e-6 ? `${percent(above)} above the floor` :
            "at the floor"} ${sizeText(problem.floor, 4)}`
        : "the loss is beyond all numbers";
}

/** @param {import("./descent.js").Run} run */
function answersText(run) {
    const end = { "at the floor": "the run ends at the floor",
        "short of it": "the run ends short of the floor", gone: "the run is gone" }[run.end];
    return `${run.swings ? "Something swings" : "Nothing swings"}, and ${end}`;
}

/**
 * Say what became of a run, and why, in numbers.
 * @param {import("./descent.js").Problem} problem
 * @param {Settings} settings
 * @param {import("./descent.js").Run} run
 * @param {boolean} tellsLimit whether the limit, and what it follows from, may be named
 */
export function explain(problem, settings, run, tellsLimit) {
    const within = Number.isFinite(run.reached) && run.end !== "gone"
        ? `, first within 1 % after ${count(run.reached)} steps` : "";
    const parts = [`${answersText(run)}: ${endingOf(problem, run)}${within}.`];
    if (tellsLimit) parts.push(reason(problem, settings, run));
    parts.push(...noise(problem, settings, run));
    return parts.join(" ");
}

function reason(problem, settings, run) {
    const { optimiser, rate, steps } = settings;
    const limit = limitOf(problem, settings);
    if (limit === null) {
        const reach = rate * scheduleFactors(settings.schedule, steps, settings.warmup)
            .reduce((sum, factor) => sum + factor, 0);
        return `${OPTIMISER_NAMES[optimiser]} moves each coefficient by about the rate at a ` +
            `step, however steep the bowl: ${count(steps)} steps reach about ${sizeText(reach)}.`;
    }
    const bound = `The limit${optimiser === "sgd" ? "" : ", 2 (1 + m)/λmax,"} is ${
        rateText(limit, Math.abs(rate / limit - 1) < 1e-3 ? 7 : 4)}.`;
    const factors = factorsOf(problem, settings, rate);
    const sizes = factors.map(([real, imaginary]) => Math.hypot(real, imaginary));
    const fastest = sizes[sizes.length - 1];
    const times = `At ${settings.schedule === "constant" ? "this" : "the full"} rate `;
    if (fastest > 1) {
        return `${times}the fastest mode grows by ${percent(fastest - 1)} at every step. ${bound}`;
    }
    if (optimiser === "momentum") {
        const swinging = factors.filter(([real, imaginary]) => imaginary || real < 0).length;
        return `${times}momentum makes ${swinging} of ${factors.length} modes swing; the slowest ` +
            `to settle keeps ${factorText(Math.max(...sizes))} of its size at a step. ${bound}`;
    }
    const [slow, fast] = [factors[0][0], factors[factors.length - 1][0]];
    const swing = fast > -1e-9 ? "" : ", which changes sign at every step" +
        (settings.batch === problem.points ? " while the loss only falls" : "");
    return `${times}1 − ηλ is ${factorText(slow)} on the slowest mode and ` +
        `${factorText(fast)} on the fastest${swing}. ${bound}`;
}

function noise(problem, settings, run) {
    const { batch, steps } = settings;
    if (batch === problem.points || run.end === "gone" || steps < 10) return [];
    return [`Each step sees ${count(batch)} of ${count(problem.points)} points; over the last ` +
        `tenth of the run the loss is ${lossText(lateLoss(run.losses))} on average.`];
}

/** The mean loss of the last tenth of a run. @param {Float64Array} losses */
export function lateLoss(losses) {
    const late = losses.slice(-Math.max(1, Math.floor((losses.length - 1) / 10)));
    return late.reduce((sum, loss) => sum + loss, 0) / late.length;
}

/**
 * Return the lines of Python that give the same run.
 * @param {Settings} settings @param {number} points
 */
export function pythonOf(settings, points) {
    const { rate, optimiser, momentum, basis, steps, start, seed, target, reduction, batch,
        replacement, schedule, warmup } = settings;
    const targets = { "sin x": "y", "|x|": "numpy.abs(x)", "exp x": "numpy.exp(x)",
        "square wave": "numpy.where(x < 0, -1.0, 1.0)" };
    const powers = { common: "FIRST_GUESS", zeros: "(0, 0, 0, 0)",
        random: `draw_normal(4, seed=${seed})` }[start] ?? `(${start.join(", ")})`;
    const draws = batch < points || replacement;
    const extra = [
        ...optimiser === "momentum" ? [`momentum=${momentum}`] : [],
        ...schedule === "constant" ? [] : [`schedule="${schedule}"`],
        ...warmup ? [`warmup=${warmup}`] : [],
        ...draws ? [`batch=${batch}`, `seed=${seed}`] : [],
        ...replacement ? ["replacement=True"] : [],
    ];
    return [
        "import numpy",
        "",
        ...start === "random" ? ["from polylab.batches import draw_normal"] : [],
        `from polylab.data import ${start === "common" ? "FIRST_GUESS, " : ""}sine_samples`,
        "from polylab.descent import LeastSquares",
        "from polylab.polynomial import best_fit, features",
        "",
        "x, y = sine_samples()",
        `X = features(x, basis="${basis}")`,
        `problem = LeastSquares(X, ${targets[target]}, "${reduction}")`,
        `start = best_fit(X, features(x) @ numpy.array(${powers}, dtype=float))`,
        `run = problem.descend(start, ${rate}, ${steps}, "${optimiser}"${
            extra.map(part => `, ${part}`).join("")})`,
        "print(run)",
        "",
    ].join("\n");
}
