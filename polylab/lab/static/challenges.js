/** Goals for the learning-rate lab, where each begins, and what the lab answers to an attempt. */

import { limitOf, outlook, problemOf, startOf } from "./descent.js";
import { count, lateLoss, lossText, rateText } from "./words.js";

/**
 * @typedef {import("./descent.js").Settings} Settings
 * @typedef {import("./descent.js").Facts} Facts
 * @typedef {import("./descent.js").Run} Run
 *
 * What was seen since the challenge was chosen: rates of runs that kept to its rules, and whether
 * each was gone.
 * @typedef {Map<number, boolean>} Seen
 *
 * @typedef {object} Challenge
 * @property {string} goal
 * @property {Partial<Settings>} begin the settings that the lab takes; the others go to PLAIN
 * @property {string[]} free settings that may be changed; the others must stay as they began
 * @property {boolean} [hidesLimit] whether the largest stable rate is the answer
 * @property {(facts: Facts, settings: Settings, run: Run, seen: Seen) =>
 *     {reached: boolean, sentence: string}} judge
 */

/** The course's own run. @type {Settings} */
export const PLAIN = {
    rate: 1e-6, optimiser: "sgd", momentum: 0.8, basis: "powers", steps: 2000, start: "common",
    seed: 0, target: "sin x", reduction: "sum", batch: 2000, replacement: false,
    schedule: "constant", warmup: 0,
};

const MODE_HINT = "The mode that settles last decides.";

/** @type {Object<string, Challenge>} from the first to the hardest */
export const CHALLENGES = {
    "fewest steps": {
        goal: "Plain descent on the powers of x. Come within 1 % of the best loss in as few " +
            "steps as a constant rate can, give or take 5 %.",
        begin: {},
        free: ["rate", "steps"],
        judge: nearWithin(facts => Math.floor(1.05 * fewestPlainSteps(facts)), MODE_HINT),
    },
    "find the limit": {
        goal: "Find the largest stable rate by experiment: one run that is gone and one that is " +
            "not, with rates less than 1 % apart.",
        begin: {},
        free: ["rate", "steps"],
        hidesLimit: true,
        judge(_facts, _settings, _run, seen) {
            const rates = gone => [...seen].filter(it => it[1] === gone).map(([rate]) => rate);
            const below = Math.max(0, ...rates(false));
            const above = Math.min(Infinity, ...rates(true));
            if (above === Infinity) return no("No run is gone yet: raise the rate.");
            if (below === 0) return no("Every run is gone so far: lower the rate.");
            const between = `between ${rateText(below, 7)} and ${rateText(above, 7)}`;
            const apart = 100 * (above / below - 1);
            return apart < 1 ? yes(`The limit lies ${between}, less than 1 % apart.`)
                : no(`The limit lies ${between}, ${Number(apart.toPrecision(3))} % apart; ` +
                    "the goal is 1 %.");
        },
    },
    "make Legendre pay": {
        goal: "The Legendre basis is slower at 1e-6. Find the rate at which plain descent in " +
            "this basis comes within 1 % in at most 40 steps.",
        begin: { basis: "legendre" },
        free: ["rate", "steps"],
        judge: nearWithin(() => 40, "The basis has changed the modes, so the limit has changed."),
    },
    "beat it with momentum": {
        goal: "Back to the powers of x, now with momentum. Come within 1 % in a quarter of the " +
            "steps that plain descent needs at the least.",
        begin: { optimiser: "momentum", momentum: 0.5 },
        free: ["rate", "steps", "momentum"],
        judge: nearWithin(facts => Math.floor(fewestPlainSteps(facts) / 4),
            "Momentum moves the limit out and carries the slow modes; too much of it swings " +
            "for long."),
    },
    "RMSprop under 8.9": {
        goal: "RMSprop on the powers of x. Bring the last loss under 8.9.",
        begin: { optimiser: "rmsprop", rate: 1e-3 },
        free: ["rate", "steps", "schedule", "warmup"],
        judge(_facts, _settings, { losses }) {
            const last = losses[losses.length - 1];
            return last < 8.9 ? yes(`The loss ends at ${last.toFixed(4)}, under 8.9.`)
                : no(`The loss ends at ${lossText(last)}; the goal is under 8.9. Each step is ` +
                    "about as long as the rate: a long one bounces, a short one arrives late.");
        },
    },
    "live with noise": {
        goal: "Plain descent in batches of 64 points, at a constant rate. Bring the loss of the " +
            "last tenth of the run within 1 % of the floor, on average.",
        begin: { batch: 64, rate: 2e-6 },
        free: ["rate", "steps", "seed"],
        judge: quietEnd("A smaller rate makes less noise, and takes more steps to arrive."),
    },
    "let the rate fall": {
        goal: "Batches of 64 points again, and no more than 2,000 steps: at a constant rate this " +
            "is out of reach. Choose a schedule, and bring the loss of the last tenth within 1 %.",
        begin: { batch: 64, rate: 2e-6 },
        free: ["rate", "schedule", "warmup", "seed"],
        judge: quietEnd("Be fast while it is far, and quiet when it is near."),
    },
};

const yes = sentence => ({ reached: true, sentence });
const no = sentence => ({ reached: false, sentence });

/**
 * Judge an attempt.
 * @param {string} name @param {Facts} facts @param {Settings} settings @param {Run} run
 * @param {Seen} seen takes up this run, if it kept to the rules
 */
export function judge(name, facts, settings, run, seen) {
    const challenge = CHALLENGES[name];
    const strayed = strayedFrom(challenge, settings);
    if (strayed.length) {
        return no(`This challenge keeps ${strayed.map(([key, value]) =>
            `${key} at ${value}`).join(", ")}.`);
    }
    seen.set(settings.rate, run.end === "gone");
    return challenge.judge(facts, settings, run, seen);
}

/** The rules of a challenge that these settings break. @param {Challenge} challenge
 * @param {Settings} settings */
function strayedFrom({ begin, free }, settings) {
    return Object.entries({ ...PLAIN, ...begin }).filter(([key, value]) =>
        !free.includes(key) && settings[key] !== value &&
        !(key === "momentum" && settings.optimiser !== "momentum") &&
        !(key === "seed" && settings.batch === PLAIN.batch));
}

/** @type {number | undefined} */
let fewest;

/**
 * The fewest steps in which plain descent comes within 1 %, over all constant rates.
 * @param {Facts} facts
 */
function fewestPlainSteps(facts) {
    if (fewest === undefined) {
        const problem = problemOf(facts, PLAIN);
        const limit = limitOf(problem, PLAIN);
        fewest = Infinity;
        for (let share = 0.9; share < 1; share += 1e-3) {
            const rate = share * limit;
            fewest = Math.min(fewest, outlook(problem, PLAIN, facts.common, rate).reached);
        }
    }
    return fewest;
}

/** @param {(facts: Facts) => number} allowedOf @param {string} hint */
function nearWithin(allowedOf, hint) {
    /** @type {Challenge["judge"]} */
    return (facts, settings, run) => {
        const allowed = allowedOf(facts);
        const { reached, losses, end } = run;
        if (end === "gone") return no("The run is gone: a smaller rate helps.");
        if (reached <= allowed) {
            return yes(`Within 1 % after ${count(reached)} steps; the goal was ${count(allowed)}.`);
        }
        const came = reached === Infinity
            ? `Not within 1 % after ${count(settings.steps)} steps: the loss ends at ` +
                `${lossText(losses[settings.steps])}.`
            : `Within 1 % after ${count(reached)} steps; the goal is ${count(allowed)}.`;
        return no(`${came} ${whichRateHelps(facts, settings)} ${hint}`);
    };
}

/**
 * Say whether a rate 1 % larger, or smaller, is sooner within 1 % of the floor, or ends lower.
 * @param {Facts} facts @param {Settings} settings
 */
function whichRateHelps(facts, settings) {
    const problem = problemOf(facts, settings);
    const start = startOf(facts, settings);
    const [larger, here, smaller] = [1.01, 1, 1 / 1.01].map(share =>
        outlook(problem, settings, start, share * settings.rate));
    const better = (one, two) => one.reached < two.reached ||
        (one.reached === two.reached && one.last < two.last);
    if (!better(larger, here) && !better(smaller, here)) return "No rate near here does better.";
    return `A ${better(larger, smaller) ? "larger" : "smaller"} rate helps.`;
}

/** @param {string} hint */
function quietEnd(hint) {
    /** @type {Challenge["judge"]} */
    return (facts, settings, run) => {
        const late = lateLoss(run.losses);
        const { floor } = problemOf(facts, settings);
        const said = `The last tenth is at ${lossText(late)} on average, ` +
            `${Number((100 * (late / floor - 1)).toPrecision(3))} % above the floor`;
        return late <= 1.01 * floor ? yes(`${said}.`) : no(`${said}; the goal is 1 %. ${hint}`);
    };
}
