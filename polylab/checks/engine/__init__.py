"""The room that runs a learner's code and reads what comes back.

The files of `polylab.checks` say *what* is asked; this room knows how to ask. Nothing here knows
a cubic, a loss or an exercise. The files stand in the order in which an answer meets them:

common
    What every checker does first and last.
reading
    Reads the learner's code without running it.
trials
    The data of the tries.
guard
    Runs the learner's code, for a limited time and in silence.
state
    What all cells share, and how to put it back.
errors
    Explains an error of the learner's code.
values
    Reads what came back.
diagnosis
    Names a mistake, if it alone explains every try.
verdict, grading
    What a checker says, how it says no, and how nbgrader hears it.
"""
