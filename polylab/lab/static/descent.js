/**
 * The training run in the page: the same numbers as polylab.descent, without Python and DOM.
 *
 * Facts about the problems (Hessian, best coefficients, floor, modes) come from Python as JSON. A
 * matrix is a flat array of 16 numbers, row by row.
 */

/**
 * @typedef {object} Facts  what `polylab.lab.problems.facts` hands over, for the SUM of squares
 * @property {number} points
 * @property {number[]} common  the common start, in powers of x
 * @property {Object<string, {fromPowers: number[], toPowers: number[], hessian: number[],
 *   eigenvalues: number[], eigenvectors: number[], optimum: Object<string, number[]>}>} bases
 * @property {Object<string, {floor: number, rounding: number}>} targets
 *
 * @typedef {object} Settings  one experiment, as the traits of the lab name it
 * @property {number} rate
 * @property {string} optimiser
 * @property {number} momentum
 * @property {string} basis
 * @property {number} steps
 * @property {string | number[]} start  common, zeros, random, or the coefficients of 1, x, x², x³
 * @property {number} seed
 * @property {string} target
 * @property {string} reduction
 * @property {number} batch
 * @property {boolean} replacement
 * @property {string} schedule
 * @property {number} warmup
 *
 * @typedef {object} Problem
 * @property {Float64Array} hessian
 * @property {number[]} optimum
 * @property {number[]} eigenvalues  smallest first
 * @property {number[]} eigenvectors  column i is the direction of mode i
 * @property {number[]} fromPowers
 * @property {number[]} toPowers
 * @property {number} floor
 * @property {number} rounding
 * @property {number} points
 * @property {number} divisor  1 for the sum, n for the mean
 * @property {string} target
 *
 * @typedef {object} Run
 * @property {Float64Array} losses  before each update, and after them all
 * @property {Float64Array} amplitudes  4 at a time: distances to the optimum along the modes
 * @property {Float64Array} offsets  4 at a time: distances of the coefficients to the best ones
 * @property {boolean} swings
 * @property {string} end  one of ENDS
 * @property {number} reached  after how many updates the loss is first within 1 %, or Infinity
 */

export const OPTIMISERS = ["sgd", "momentum", "rmsprop", "adam"];
export const ENDS = ["at the floor", "short of it", "gone"];
const NEAR = 1.01;
const DUST = 1e-9;
const ABOVE = 1 + 1e-9;
const K = 4;

/**
 * The values to fit, as in polylab.lab.problems.
 * @type {Object<string, (x: number) => number>}
 */
export const TARGETS = {
    "sin x": Math.sin,
    "|x|": Math.abs,
    "exp x": Math.exp,
    "square wave": (x) => (x < 0 ? -1 : 1),
};

/** The points on [-π, π], as numpy.linspace gives them. @param {number} count */
function angles(count) {
    const gap = (2 * Math.PI) / (count - 1);
    const x = Float64Array.from({ length: count }, (_, i) => i * gap - Math.PI);
    x[count - 1] = Math.PI;
    return x;
}

/** @param {Facts} facts @param {Settings} settings @returns {Problem} */
export function problemOf(facts, settings) {
    const basis = facts.bases[settings.basis];
    const { floor, rounding } = facts.targets[settings.target];
    const divisor = settings.reduction === "sum" ? 1 : facts.points;
    return {
        hessian: Float64Array.from(basis.hessian, (h) => h / divisor),
        eigenvalues: basis.eigenvalues.map((curvature) => curvature / divisor),
        eigenvectors: basis.eigenvectors,
        optimum: basis.optimum[settings.target],
        fromPowers: basis.fromPowers,
        toPowers: basis.toPowers,
        floor: floor / divisor,
        rounding: rounding / divisor,
        points: facts.points,
        divisor,
        target: settings.target,
    };
}

/** The start of a run in powers of x. @param {Facts} facts @param {Settings} settings */
export function startOf(facts, settings) {
    if (typeof settings.start !== "string") return settings.start;
    if (settings.start === "common") return facts.common;
    return settings.start === "zeros" ? [0, 0, 0, 0] : drawNormal(K, settings.seed);
}

/** @param {ArrayLike<number>} matrix @param {ArrayLike<number>} vector */
function times(matrix, vector) {
    const product = new Float64Array(K);
    for (let i = 0; i < K; i++) {
        for (let j = 0; j < K; j++) product[i] += matrix[K * i + j] * vector[j];
    }
    return product;
}

/** @param {Problem} problem @param {ArrayLike<number>} powers  coefficients of 1, x, x², x³ */
function offsetOf(problem, powers) {
    return times(problem.fromPowers, powers).map((value, i) => value - problem.optimum[i]);
}

/** Coefficients of 1, x, x², x³. @param {Problem} problem @param {ArrayLike<number>} offset */
export function powersOf(problem, offset) {
    return times(problem.toPowers, problem.optimum.map((best, i) => best + offset[i]));
}

/** @param {Problem} problem @param {ArrayLike<number>} offset @param {Float64Array} amplitudes */
function lossAt(problem, offset, amplitudes) {
    const { eigenvalues, eigenvectors } = problem;
    let loss = problem.floor;
    for (let mode = 0; mode < K; mode++) {
        let z = 0;
        for (let j = 0; j < K; j++) z += offset[j] * eigenvectors[K * j + mode];
        amplitudes[mode] = z;
        loss += (eigenvalues[mode] / 2) * z * z;
    }
    return loss;
}

/**
 * What the learning rate is multiplied by at each update: polylab.descent.schedule_factors.
 * A sweep asks for the same ones at each of its rates.
 */
export const scheduleFactors = remember(
    (...settings) => settings,
    (/** @type {string} */ schedule, /** @type {number} */ steps, /** @type {number} */ warmup) => {
        const left = steps - warmup;
        const third = Math.ceil(left / 3);
        /** @type {Object<string, (t: number) => number>} */
        const after = {
            constant: () => 1,
            step: (t) => 0.1 ** Math.floor(t / third),
            cosine: (t) => (1 + Math.cos((Math.PI * t) / left)) / 2,
            "1/t": (t) => 1 / (1 + (10 * t) / left),
        };
        return Float64Array.from({ length: steps }, (_, t) =>
            t < warmup ? (t + 1) / (warmup + 1) : after[schedule](t - warmup));
    },
);

/**
 * The constant rate above which this optimiser diverges, or null if it has no such limit.
 * @param {Problem} problem @param {Settings} settings */
export function limitOf(problem, settings) {
    const { optimiser, momentum } = settings;
    if (optimiser !== "sgd" && optimiser !== "momentum") return null;
    return (2 / problem.eigenvalues[K - 1]) * (optimiser === "sgd" ? 1 : 1 + momentum);
}

/**
 * What a step multiplies each mode by: [real, imaginary], as Trajectory.factors.
 * @param {Problem} problem @param {Settings} settings @param {number} rate
 * @returns {[number, number][]}
 */
export function factorsOf(problem, settings, rate) {
    return problem.eigenvalues.map((curvature) => {
        const product = rate * curvature;
        if (settings.optimiser === "sgd") return [1 - product, 0];
        const m = settings.momentum;
        const low = (1 - Math.sqrt(m)) ** 2;
        const high = (1 + Math.sqrt(m)) ** 2;
        const middle = (1 - product + m) / 2;
        const size = (Math.sqrt(Math.abs(low - product)) * Math.sqrt(Math.abs(high - product))) / 2;
        if (product > low && product < high) return [middle, size];
        return [middle + (middle < 0 ? -size : size), 0];
    });
}

/**
 * Walk through a run and let `see(step, offset)` look at each point; it ends the walk by `false`.
 * @param {Problem} problem @param {Settings} settings @param {ArrayLike<number>} start  an offset
 * @param {number} rate @param {(step: number, offset: Float64Array) => boolean} see
 */
function walk(problem, settings, start, rate, see) {
    const { optimiser, momentum, steps } = settings;
    const offset = Float64Array.from(start);
    const slope = new Float64Array(K);
    const mean = new Float64Array(K);
    const square = new Float64Array(K);
    const factors = scheduleFactors(settings.schedule, steps, settings.warmup);
    const gradient = gradientOf(problem, settings);
    const inertia = optimiser === "momentum" ? momentum : 0;
    const [alpha, eps, first, second] = [0.99, 1e-8, 0.9, 0.999];
    const scaled = Math.sqrt(1 - alpha);
    let firstPower = 1;
    let secondPower = 1;
    for (let step = 0; see(step, offset) && step < steps; step++) {
        gradient(step, offset, slope);
        const length = rate * factors[step];
        if (optimiser === "rmsprop") {
            for (let i = 0; i < K; i++) {
                square[i] = alpha * square[i] + slope[i] * slope[i];
                offset[i] -= ((length / scaled) * slope[i]) / (Math.sqrt(square[i]) + eps / scaled);
            }
        } else if (optimiser === "adam") {
            firstPower *= first;
            secondPower *= second;
            const root = Math.sqrt((1 - secondPower) / (1 - second));
            const height = length * ((root * (1 - first)) / (1 - firstPower));
            for (let i = 0; i < K; i++) {
                mean[i] = first * mean[i] + slope[i];
                square[i] = second * square[i] + slope[i] * slope[i];
                offset[i] -= (height * mean[i]) / (Math.sqrt(square[i]) + eps * root);
            }
        } else {
            for (let i = 0; i < K; i++) {
                mean[i] = inertia * mean[i] + slope[i];
                offset[i] -= length * mean[i];
            }
        }
    }
}

/**
 * @param {Problem} problem @param {Settings} settings
 * @returns {(step: number, offset: Float64Array, slope: Float64Array) => void}
 */
function gradientOf(problem, settings) {
    const { points, divisor, hessian } = problem;
    const { batch, steps, seed, replacement } = settings;
    if (batch === points && !replacement) {
        return (_step, offset, slope) => {
            for (let i = 0; i < K; i++) {
                const row = K * i;
                slope[i] = hessian[row] * offset[0] + hessian[row + 1] * offset[1] +
                    hessian[row + 2] * offset[2] + hessian[row + 3] * offset[3];
            }
        };
    }
    const { rows, residual } = dataOf(problem);
    const drawn = drawBatches(points, batch, steps, seed, replacement);
    const scale = (2 * points) / batch / divisor;
    return (step, offset, slope) => {
        const o0 = offset[0], o1 = offset[1], o2 = offset[2], o3 = offset[3];
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (let b = step * batch; b < (step + 1) * batch; b++) {
            const row = K * drawn[b];
            const r0 = rows[row], r1 = rows[row + 1], r2 = rows[row + 2], r3 = rows[row + 3];
            const error = scale * (r0 * o0 + r1 * o1 + r2 * o2 + r3 * o3 - residual[drawn[b]]);
            s0 += r0 * error;
            s1 += r1 * error;
            s2 += r2 * error;
            s3 += r3 * error;
        }
        slope[0] = s0;
        slope[1] = s1;
        slope[2] = s2;
        slope[3] = s3;
    };
}

/**
 * The feature matrix and the errors of the best fit, which only batches need.
 * @param {Problem} problem */
const dataOf = remember(
    (problem) => [problem.fromPowers, problem.target],
    (/** @type {Problem} */ problem) => {
        const rows = new Float64Array(K * problem.points);
        const residual = new Float64Array(problem.points);
        angles(problem.points).forEach((x, n) => {
            residual[n] = TARGETS[problem.target](x);
            for (let i = 0; i < K; i++) {
                // A basis function is a cubic: column i of toPowers holds its coefficients.
                let entry = 0;
                for (let j = K - 1; j >= 0; j--) entry = entry * x + problem.toPowers[K * j + i];
                rows[K * n + i] = entry;
                residual[n] -= entry * problem.optimum[i];
            }
        });
        return { rows, residual };
    },
);

/**
 * The whole run.
 * @param {Problem} problem @param {Settings} settings @param {number[]} powers  where it starts
 * @param {number} [rate]
 * @returns {Run}
 */
export function descend(problem, settings, powers, rate = settings.rate) {
    const { steps } = settings;
    const losses = new Float64Array(steps + 1).fill(Infinity);
    const amplitudes = new Float64Array(K * (steps + 1)).fill(Infinity);
    const offsets = new Float64Array(K * (steps + 1)).fill(Infinity);
    const judge = judgeOf(problem, settings, rate);
    walk(problem, settings, offsetOf(problem, powers), rate, (step, offset) => {
        const here = judge.see(step, offset);
        if (!Number.isFinite(here)) return false;
        losses[step] = here;
        offsets.set(offset, K * step);
        amplitudes.set(judge.amplitudes, K * step);
        return true;
    });
    return { losses, amplitudes, offsets, ...judge.answers() };
}

/**
 * The last loss and the two answers alone, for a sweep over rates.
 * @param {Problem} problem @param {Settings} settings @param {number[]} powers @param {number} rate
 */
export function outlook(problem, settings, powers, rate) {
    const judge = judgeOf(problem, settings, rate);
    walk(problem, settings, offsetOf(problem, powers), rate,
        (step, offset) => Number.isFinite(judge.see(step, offset)));
    return judge.answers();
}

/**
 * The rules of Trajectory.swings, Trajectory.end and Trajectory.steps_to.
 * @param {Problem} problem @param {Settings} settings @param {number} rate */
function judgeOf(problem, settings, rate) {
    const { eigenvalues, floor, rounding } = problem;
    const level = NEAR * floor + rounding;
    const amplitudes = new Float64Array(K);
    const before = new Float64Array(K);
    let present = [false];
    let dust = 0;
    let swings = false;
    let first = NaN;
    let last = NaN;
    let reached = Infinity;
    return {
        amplitudes,
        see(/** @type {number} */ step, /** @type {Float64Array} */ offset) {
            before.set(amplitudes);
            last = lossAt(problem, offset, amplitudes);
            if (!Number.isFinite(last)) last = Infinity;
            if (step === 0) {
                first = last;
                dust = DUST * Math.max(...amplitudes.map(Math.abs));
                present = Array.from(amplitudes, (z) => Math.abs(z) > dust);
            } else if (!swings) {
                for (let mode = 0; mode < K; mode++) {
                    const z = amplitudes[mode];
                    swings ||= before[mode] * z < 0 && Math.abs(before[mode]) > dust &&
                        Number.isFinite(z) && (eigenvalues[mode] / 2) * z * z > level - floor;
                }
            }
            if (last <= level && reached === Infinity) reached = step;
            return last;
        },
        answers() {
            const { steps, schedule, warmup } = settings;
            const limit = limitOf(problem, settings);
            let gone = last > first + rounding;
            if (limit !== null && steps) {
                const final = rate * scheduleFactors(schedule, steps, warmup)[steps - 1];
                const room = limit * eigenvalues[K - 1];
                gone ||= eigenvalues.some((curvature, mode) =>
                    present[mode] && final > (ABOVE * room) / curvature);
            }
            const end = ENDS[gone ? 2 : last <= level ? 0 : 1];
            return { swings, end, reached, last };
        },
    };
}

/**
 * Threefry-2x32 with 20 rounds, as polylab.batches.threefry (Salmon et al., SC 2011).
 * @param {number} seed @param {number} stream @param {number} left @param {number} right
 * @param {Uint32Array} words  where the two words go
 */
export function threefry(seed, stream, left, right, words) {
    const third = seed ^ stream ^ 0x1bd11bda;
    let a = (left + seed) | 0;
    let b = (right + stream) | 0;
    for (let group = 0; group < 5; group++) {
        if (group % 2 === 0) {
            a = (a + b) | 0; b = ((b << 13) | (b >>> 19)) ^ a;
            a = (a + b) | 0; b = ((b << 15) | (b >>> 17)) ^ a;
            a = (a + b) | 0; b = ((b << 26) | (b >>> 6)) ^ a;
            a = (a + b) | 0; b = ((b << 6) | (b >>> 26)) ^ a;
        } else {
            a = (a + b) | 0; b = ((b << 17) | (b >>> 15)) ^ a;
            a = (a + b) | 0; b = ((b << 29) | (b >>> 3)) ^ a;
            a = (a + b) | 0; b = ((b << 16) | (b >>> 16)) ^ a;
            a = (a + b) | 0; b = ((b << 24) | (b >>> 8)) ^ a;
        }
        const turn = group % 3;
        a = (a + (turn === 0 ? stream : turn === 1 ? third : seed)) | 0;
        b = (b + (turn === 0 ? third : turn === 1 ? seed : stream) + group + 1) | 0;
    }
    words[0] = a;
    words[1] = b;
}

/** Which points each step looks at, `batch` at a time: polylab.batches.draw_batches. */
const drawBatches = remember(
    (...numbers) => numbers,
    (/** @type {number} */ points, /** @type {number} */ batch, /** @type {number} */ steps,
        /** @type {number} */ seed, /** @type {boolean} */ replacement) => {
        const words = new Uint32Array(2);
        const drawn = new Uint32Array(steps * batch);
        if (replacement) {
            for (let i = 0; i < drawn.length; i++) {
                threefry(seed, 0, i % batch, Math.floor(i / batch), words);
                drawn[i] = Math.floor((words[0] * points) / 2 ** 32);
            }
            return drawn;
        }
        const dealt = Math.floor(points / batch) * batch;
        const order = new Float64Array(points);
        for (let epoch = 0; epoch * dealt < drawn.length; epoch++) {
            for (let i = 0; i < points; i++) {
                threefry(seed, 0, i, epoch, words);
                order[i] = words[0] * points + i; // below 2⁵³; equal words stay in order
            }
            order.sort();
            const left = Math.min(dealt, drawn.length - epoch * dealt);
            for (let i = 0; i < left; i++) drawn[epoch * dealt + i] = order[i] % points;
        }
        return drawn;
    },
);

/** Numbers from N(0, 1): polylab.batches.draw_normal. @param {number} count @param {number} seed */
export function drawNormal(count, seed) {
    const words = new Uint32Array(2);
    return Array.from({ length: count }, (_, i) => {
        threefry(seed, 1, i, 0, words);
        const [radius, turn] = Array.from(words, (word) => (word + 0.5) / 2 ** 32);
        return Math.sqrt(-2 * Math.log(radius)) * Math.cos(2 * Math.PI * turn);
    });
}

/**
 * Keep the last result of a function, for as long as its keys stay the same.
 * @template {any[]} A @template R
 * @param {(...parameters: A) => any[]} keysOf @param {(...parameters: A) => R} compute
 * @returns {(...parameters: A) => R}
 */
function remember(keysOf, compute) {
    /** @type {any[]} */
    let keys = [];
    /** @type {R} */
    let result;
    return (...parameters) => {
        const now = keysOf(...parameters);
        if (now.length !== keys.length || now.some((key, i) => key !== keys[i])) {
            result = compute(...parameters);
            keys = now;
        }
        return result;
    };
}
