from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from kqa.config import Config, config_from_json, config_to_json, read_config
from kqa.errors import ConfigError

USUAL = list(Config().calibration)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sentence_weight": -0.01}, "sentence_weight is -0.01; give a number from 0 to 1"),
        ({"asks_weight": 1.01}, "asks_weight is 1.01"),
        ({"lexical_weight": 2.0}, "lexical_weight is 2.0"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"min_words": 0}, "must be positive"),
        ({"min_words": 11, "max_words": 10}, "min_words at most max_words"),
        ({"depth": 0}, "depth must be positive"),
        ({"sketch_from": 0}, "sketch_from and depth must be positive"),
        ({"calibration": (1.0,)}, "calibration"),
        ({"calibration": (float("nan"), *USUAL[1:])}, "calibration"),
    ],
)
def test_values_out_of_range(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Config(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "config",
    [Config(), Config(encoder="hashing", max_words=60, threshold=1, lexical_weight=0.0), Config(min_words=180, max_words=180)],
)
def test_json_and_back(config: Config) -> None:
    text = config_to_json(config)
    assert config_from_json(text, "here") == config
    assert list(json.loads(text)) == sorted(field.name for field in dataclasses.fields(Config))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "here is not JSON .*mend or remove it"),
        ("[" * 100_000, "here is not JSON .*mend or remove it"),
        ("[1]", "here has unknown settings: no object; known are encoder, max_words"),
        ('{"treshold": 0.5, "alpha": 1}', "here has unknown settings: alpha, treshold; known are"),
        ('{"depth": "many"}', "here: depth is 'many'; give a value like 50"),
        ('{"depth": 1.5}', "here: depth is 1.5; give a value like 50"),
        ('{"depth": true}', "here: depth is True; give a value like 50"),
        ('{"encoder": 3}', "here: encoder is 3; give a value like"),
        ('{"threshold": null}', "here: threshold is None; give a value like 0"),
        ('{"threshold": 7}', "threshold is 7; give a number from 0 to 1"),
        ('{"threshold": NaN}', "threshold is nan"),
        ('{"calibration": [1.0]}', f"calibration is .* give {len(USUAL)} numbers"),
        ('{"calibration": "strict"}', "here: calibration is 'strict'"),
        (json.dumps({"calibration": [float("nan"), *USUAL[1:]]}), "calibration"),
        (json.dumps({"calibration": [float("inf"), *USUAL[1:]]}), "calibration"),
    ],
)
def test_what_is_not_a_configuration(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_json(text, "here")


def test_whole_numbers_do_for_shares() -> None:
    assert config_from_json('{"lexical_weight": 1, "threshold": 0}', "here") == Config(lexical_weight=1, threshold=0)


def test_a_file_of_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"threshold": 0.25}', encoding="utf-8")
    assert read_config(path) == Config(threshold=0.25)
    path.write_bytes(b'{"encoder": "\xff"}')
    with pytest.raises(ConfigError, match=r"config\.json cannot be read .* name a JSON file of settings"):
        read_config(path)
    with pytest.raises(ConfigError, match=r"nothing\.json cannot be read"):
        read_config(tmp_path / "nothing.json")
