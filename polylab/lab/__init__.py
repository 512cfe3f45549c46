"""The widgets of the course: objects whose state can be driven and read without a browser."""

from polylab.lab.hand_fit import HandFit
from polylab.lab.learning_rate import LearningRateLab
from polylab.lab.question import Question

__all__ = ["HandFit", "LearningRateLab", "Question"]
