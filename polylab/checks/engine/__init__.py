"""The room that runs a learner's code and reads what comes back.

The files of `polylab.checks` say *what* is asked; this room knows how to ask. Nothing here knows a
cubic, a loss or an exercise. An answer travels through it like this:

1. `common.checker` makes a checker of a judge, a function that returns the message of a pass or
   raises `verdict.Refusal`. It opens `state.put_back_after`: modules of the course, the learner's
   own names and data, streams and random generators are remembered.
2. The judge first looks without running anything. `common.require_function` asks `reading` for
   the parameters and for data from outside; `reading` follows the answer into the helpers that it
   calls. Whose code a function is, it tells by the module that the function belongs to: a notebook
   or a single file is the learner's, Python and packages are not, wherever they are installed.
3. The judge makes tries: inputs of its own, of several sizes, in both dtypes (`trials`, or the file
   of the answer). `common.call_twice` hands them over, twice, to see what is changed in place and
   what is left over from one call to the next.
4. `guard.call` runs the code. Around it all settings that cells share are remembered and set to
   what every check starts with: seeds, dtype, gradient mode, one thread; printing, figures, input
   and exits lead nowhere. An alarm ends what computes for more than five seconds, or only waits;
   the time that other programs took does not count.
5. What the code raised is turned into a refusal by `errors`: what the error means, where it is
   known, and the learner's own line. What it returned is read by `values`: numbers of a known kind
   in float64, with their dtype, shape and device, or a refusal that says what came instead.
6. The judge compares with an oracle that takes another road. If they differ, `diagnosis` names a
   mistake, but only one that alone explains every try; else the judge says what is right and what
   is not, in numbers, and stops.
7. Everything is put back, last change first, each step even if another fails. The stop button is
   heard at once while the learner's code runs and waits while something is put back.
8. If the answer failed and still holds a ``...``, the verdict is "Not attempted yet". `grading`
   hands the verdict back: it shows its message, or, where nbgrader is at work, it is an error.

The files, in reading order:

verdict, grading
    What a checker says, how it says no, and how nbgrader hears it.
reading
    Reads the learner's code without running it.
errors
    Explains an error of the learner's code.
state
    What all cells share, and how to put it back.
guard
    Runs the learner's code, for a limited time and in silence.
values
    Reads what came back.
diagnosis
    Names a mistake, if it alone explains every try.
common
    What every checker does first and last.
trials
    The data of the tries.
"""
