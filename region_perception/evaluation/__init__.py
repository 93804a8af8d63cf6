"""Measures models: caption scores, right and wrong properties, answers, finds, confidence; reports with pictures.

from region_perception import load
from region_perception.evaluation import TABLETOP, TabletopSettings, run, scene_cases, write_report

settings = TabletopSettings(split="test")
run(load("runs/tabletop-modalities/model"), folder, partial(scene_cases, settings), 200, settings.to_dict())
write_report(folder, TABLETOP)
"""

from region_perception.evaluation.answers import answers_right
from region_perception.evaluation.calibration import calibration_error, fit_calibration, reliability
from region_perception.evaluation.captions import CaptionScores, score_captions
from region_perception.evaluation.cases import Case, Decoding
from region_perception.evaluation.estimates import Estimate, estimate_mean
from region_perception.evaluation.fitting import FittedModel, fit_confidences
from region_perception.evaluation.predictions import TASKS, Prediction, read_predictions
from region_perception.evaluation.protocol import Figure, Measured, Protocol
from region_perception.evaluation.report import write_report
from region_perception.evaluation.running import run
from region_perception.evaluation.tabletop import TABLETOP, TabletopSettings, judge_caption, scene_cases
from region_perception.evaluation.words import words

__all__ = [
    "TABLETOP",
    "TASKS",
    "CaptionScores",
    "Case",
    "Decoding",
    "Estimate",
    "Figure",
    "FittedModel",
    "Measured",
    "Prediction",
    "Protocol",
    "TabletopSettings",
    "answers_right",
    "calibration_error",
    "estimate_mean",
    "fit_calibration",
    "fit_confidences",
    "judge_caption",
    "read_predictions",
    "reliability",
    "run",
    "scene_cases",
    "score_captions",
    "words",
    "write_report",
]
