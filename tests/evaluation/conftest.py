"""A captioner that is told what to say, so that scores are known beforehand; and two scenes of the tabletop world."""

from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace

import numpy as np
import pytest

from region_perception.confidence import shares
from region_perception.evaluation import TabletopSettings, scene_cases
from region_perception.view import Match


@dataclass(frozen=True)
class Said:
    text: str
    confidence: float


class Parrot:
    """Has the interface that evaluation uses of a Captioner, and says of each case what `say` makes of it.

    say(case, question or None) -> (text, confidence); likes(case, text) -> score of the text for the case's region.
    """

    name, source, trained = "parrot", "tests", frozenset({"image", "image_region", "cloud", "cloud_region"})
    calibration, score_methods, score_method = (), ("match", "likelihood"), "match"

    def __init__(self, cases_of, say, likes):
        self._cases_of, self._say, self._likes = cases_of, say, likes
        self._known = {}  # keeps the cases, so that their ids stay theirs
        self.looked = 0
        self.device = SimpleNamespace(type="cpu")
        self.spec = SimpleNamespace(modalities=tuple(sorted(self.trained)))

    def cases_of(self, number):
        cases = self._cases_of(number)
        self._known |= {(id(case.observation), id(case.region)): case for case in cases}
        return cases

    def look_at_all(self, observations):
        self.looked += len(observations)
        return [SimpleNamespace(observation=each, locate=partial(locate, each)) for each in observations]

    def _case(self, view, region):
        return self._known[id(view.observation), id(region)]

    def caption(self, wanted, **decoding):
        return [Said(*self._say(self._case(view, region), None)) for view, region in wanted]

    def ask(self, wanted, **decoding):
        return [Said(*self._say(self._case(view, region), question)) for view, region, question in wanted]

    def score(self, wanted, texts, by=None):
        scores = [[self._likes(self._case(view, region), text) for text in texts] for view, region in wanted]
        return np.array(scores, dtype=np.float32).reshape(len(wanted), len(texts))

    def find(self, view, texts, candidates, by=None):
        scores = self.score([(view, region) for region in candidates], texts, by)
        sure, order = shares(scores), np.argsort(-scores, axis=0, kind="stable")
        return [
            [Match(int(i), candidates[i], float(scores[i, text]), float(sure[i, text])) for i in order[:, text]]
            for text in range(len(texts))
        ]


def locate(observation, region):
    return region.locate(observation)


def tell_the_truth(case, question):
    """The regular caption, or the right answer."""
    if question is None:
        return case.references[0], 0.9
    return next(each.answer for each in case.questions if each.text == question), 0.9


def know_what_is_meant(case, text):
    return float(text in (case.description, f"a {case.label}"))


@pytest.fixture(scope="session")
def settings():
    return TabletopSettings(size=(96, 96))


@pytest.fixture(scope="session")
def cases_of(settings):
    """The cases of the scenes of the test split, each made once."""
    pytest.importorskip("open3d")
    return cache(lambda number: scene_cases(settings, number))


@pytest.fixture
def parrot(cases_of):
    """Makes a Parrot; one that tells the truth and knows what is meant unless told otherwise."""

    def make(say=tell_the_truth, likes=know_what_is_meant, cases_of=cases_of):
        return Parrot(cases_of, say, likes)

    return make
