/** What becomes of many rates, computed in slices so that no frame waits for it. No DOM. */

import { OPTIMISERS, outlook, problemOf, startOf } from "./descent.js";

const RATES = 400;
const SLICE = 5; // milliseconds
const AFFORDABLE = 4e7; // points that may be looked at for one optimiser

/**
 * @typedef {import("./descent.js").Settings} Settings
 * @typedef {{rate: number, last: number, reached: number}} Point
 */

export class Sweep {
    /** @param {() => void} tell called when there are new points, once a frame at most */
    constructor(tell) {
        this.tell = tell;
        /** @type {Object<string, Point[]>} sorted by rate */
        this.points = {};
        /** @type {Object<string, string>} the settings that the points of an optimiser belong to */
        this.keys = {};
        /** @type {(() => void)[]} */
        this.jobs = [];
        this.timer = 0;
        this.frame = 0;
    }

    /**
     * Compute what is not known yet for these settings; their rate does not matter.
     * @param {import("./descent.js").Facts} facts @param {Settings} settings
     * @param {[number, number]} range
     */
    ask(facts, settings, range) {
        const order = [settings.optimiser, ...OPTIMISERS.filter(it => it !== settings.optimiser)];
        for (const optimiser of order) {
            const its = { ...settings, optimiser, rate: 0,
                momentum: optimiser === "momentum" ? settings.momentum : 0 };
            const key = JSON.stringify([its, range]);
            if (key === this.keys[optimiser]) continue;
            this.keys[optimiser] = key;
            this.points[optimiser] = [];
            this.jobs.push(...this.jobsOf(facts, its, range, key));
        }
        if (this.jobs.length && !this.timer) this.timer = setTimeout(() => this.slice());
    }

    /** One job for each rate: first a few from end to end, then those between them. */
    *jobsOf(facts, its, [low, high], key) {
        const problem = problemOf(facts, its);
        const start = startOf(facts, its);
        const drawn = its.batch < facts.points || its.replacement;
        const cost = its.steps * Math.max(8, drawn ? its.batch : 0);
        const count = Math.max(32, Math.min(RATES, Math.floor(AFFORDABLE / Math.max(1, cost))));
        const done = new Set();
        for (let stride = 32; stride >= 1; stride /= 2) {
            for (let i = 0; i <= count; i += stride) {
                if (done.has(i)) continue;
                done.add(i);
                yield () => {
                    const points = this.points[its.optimiser];
                    if (this.keys[its.optimiser] !== key) return;
                    const rate = low * (high / low) ** (i / count);
                    points.push({ rate, ...outlook(problem, its, start, rate) });
                };
            }
        }
    }

    slice() {
        const end = performance.now() + SLICE;
        while (this.jobs.length && performance.now() < end) this.jobs.shift()?.();
        for (const points of Object.values(this.points)) points.sort((a, b) => a.rate - b.rate);
        this.timer = this.jobs.length ? setTimeout(() => this.slice()) : 0;
        this.frame ||= requestAnimationFrame(() => {
            this.frame = 0;
            this.tell();
        });
    }

    free() {
        clearTimeout(this.timer);
        cancelAnimationFrame(this.frame);
        this.jobs = [];
    }
}
