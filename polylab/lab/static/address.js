/** The state of the lab in the address of a page, after the #. No DOM. */

import { CHALLENGES, PLAIN } from "./challenges.js";
import { OPTIMISERS, TARGETS } from "./descent.js";
import { BASIS_NAMES, rateIn, REDUCTION_NAMES, SCHEDULE_NAMES, START_NAMES } from "./words.js";

/** @typedef {import("./descent.js").Settings & {challenge: string | null,
 *   predict_first: boolean}} State */

/**
 * Return what differs from the course's own run, as name=value&name=value.
 * @param {State} state
 */
export function fragmentOf({ challenge, predict_first, ...settings }) {
    const parts = new URLSearchParams();
    for (const [name, value] of Object.entries(settings)) {
        const text = JSON.stringify(value);
        if (text !== JSON.stringify(PLAIN[name])) {
            parts.set(name, typeof value === "string" ? value : text);
        }
    }
    if (challenge) parts.set("challenge", challenge);
    if (!predict_first) parts.set("predict", "no");
    return String(parts);
}

/**
 * Read such a text; what it cannot mean is returned as `strange`.
 * @param {string} fragment
 * @returns {{state: Partial<State>, strange: string[]}}
 */
export function stateIn(fragment) {
    const state = {}, strange = [];
    for (const [name, text] of new URLSearchParams(fragment)) {
        const value = valueIn(name, text);
        if (value === undefined) strange.push(`${name}=${text}`);
        else state[name === "predict" ? "predict_first" : name] = value;
    }
    return { state, strange };
}

/**
 * Return a setting written in an address, or undefined if it is none.
 * @param {string} name @param {string} text
 */
function valueIn(name, text) {
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
        case "momentum": {
            const value = Number(text || NaN);
            return value >= 0 && value <= 0.99 ? value : undefined;
        }
        case "steps": return whole(1, 20_000);
        case "seed": return whole(0, 9999);
        case "batch": return whole(1, 2000);
        case "warmup": return whole(0, 20_000);
        case "challenge": return among(Object.keys(CHALLENGES));
        case "predict": return { yes: true, no: false }[text];
        case "replacement": return { true: true, false: false }[text];
        case "start": {
            const numbers = text.replace(/[[\]\s]/g, "").split(",").map(Number);
            const four = numbers.length === 4 && numbers.every(it => Math.abs(it) <= 1000);
            return among(Object.keys(START_NAMES)) ?? (four ? numbers : undefined);
        }
    }
    return undefined;
}
