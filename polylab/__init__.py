"""polylab: the helper package of the course.

Read the modules in this order; each imports only from those above it.

arrays
    What an array must be before anything is computed with it.
data
    The one data set (points on a sine) and the one common start.
polynomial
    The model: evaluate it, write it out, find the best possible answer.
gradients
    The loss, and two independent ways to compute its gradient.
batches
    Which points a training step looks at, drawn alike in every language.
descent
    What a training run does, step by step, without running through the data.
curvature
    The curvature of any loss in torch: its Hessian times a vector, and the largest eigenvalue.
plots
    Draws results that are already computed, on axes that you pass in.
tasks
    The questions that the exercises ask.
checks
    Tells you what is right and what is wrong with your answer.
lab
    The widgets: four sliders, the learning-rate lab, multiple-choice questions.
environment
    What is installed, what is missing, and how to get it.

start
    Puts the notebooks into a folder of yours and opens them.

Importing ``polylab`` itself imports none of them.
"""

__version__ = "0.2.0"
