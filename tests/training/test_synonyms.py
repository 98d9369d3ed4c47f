"""Other words for what the painter knows: how they are drawn from WordNet, and where they land."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path

import pytest

from beatwalk.training.painter import SUBJECTS, Attributes
from beatwalk.training.painter.captions import SYNONYMS, caption, phrases, roughen
from beatwalk.training.synonyms import WordNet, draw, main, text

NOUNS = """\
  1 This line stands for the licence.
00000001 17 n 02 fire 0 flame 0 001 ~ 00000002 n 0000 | burning
00000002 17 n 03 inferno 0 great_fire 0 Nero's_fire 0 001 @ 00000001 n 0000 | a great one
00000003 17 n 01 inferno 0 000 | a place
00000004 17 n 02 sea 0 Atlantic 0 001 ~ 00000005 n 0000 | water
00000005 17 n 02 bay 0 Biscay 0 000 | less water
"""
INDEX = """\
  1 This line stands for the licence.
bay n 1 0 1 0 00000005
fire n 1 1 ~ 1 0 00000001
flame n 1 1 ~ 1 0 00000001
great_fire n 1 0 1 0 00000002
inferno n 2 1 @ 2 0 00000002 00000003
sea n 1 1 ~ 1 0 00000004
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A WordNet of five meanings."""
    (tmp_path / "data.noun").write_text(NOUNS, encoding="utf-8")
    (tmp_path / "index.noun").write_text(INDEX, encoding="utf-8")
    for name in ("adj", "verb"):
        (tmp_path / f"data.{name}").write_text("", encoding="utf-8")
        (tmp_path / f"index.{name}").write_text("", encoding="utf-8")
    return tmp_path


def test_words_of_a_sense_and_of_narrower_ones(folder: Path) -> None:
    """Underscores become spaces; names of places and words with signs are left out below the chosen sense."""
    wordnet = WordNet(folder)
    assert list(wordnet.words("fire.n.1")) == ["fire", "flame"]
    assert list(wordnet.words("fire.n.1+1")) == ["fire", "flame", "inferno", "great fire"]
    assert list(wordnet.words("inferno.n.2")) == ["inferno"]
    assert list(wordnet.words("sea.n.1+1")) == ["sea", "atlantic", "bay"]


def test_a_sense_that_is_not_there_is_named(folder: Path) -> None:
    """As is a folder that holds no WordNet."""
    with pytest.raises(KeyError, match=r"bay.n.2: WordNet has 1 senses"):
        list(WordNet(folder).words("bay.n.2"))
    with pytest.raises(FileNotFoundError, match=r"no data.noun"):
        WordNet(folder / "elsewhere")


def test_each_word_means_one_thing(folder: Path) -> None:
    """What captions say anyway, what is dropped by eye and what another name has are not taken."""
    known = {"subjects": {"fire": ["fire"], "ocean": ["an ocean", "the sea"], "tree": ["~ flame"]}}
    senses = {"subjects": {"fire": ["fire.n.1+1"], "ocean": ["sea.n.1+1", "inferno.n.1"]}}
    drawn = draw(WordNet(folder), senses, known, {"bay"})
    assert drawn == {"subjects": {"fire": ["great fire", "inferno"], "ocean": ["atlantic"]}}
    assert tomllib.loads(text(drawn)) == drawn
    assert "Princeton University" in text(drawn)
    with pytest.raises(KeyError, match="knows no 'lamp'"):
        draw(WordNet(folder), {"subjects": {"lamp": []}}, known, set())


def test_the_command_writes_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the senses that are committed, where a WordNet has them."""
    monkeypatch.setattr("beatwalk.training.synonyms.WordNet.words", lambda self, sense: iter([sense.split(".")[0]]))
    main(["--wordnet", str(folder), "--out", str(folder / "out.toml")])
    made = tomllib.loads((folder / "out.toml").read_text(encoding="utf-8"))
    assert {group: set(names) for group, names in made.items()} == {g: set(n) for g, n in SYNONYMS.items()}


@pytest.mark.parametrize(
    ("word", "subject"),
    [("inferno", "fire"), ("sea", "ocean"), ("metropolis", "city"), ("blaze", "fire"), ("tsunami", "ocean")],
)
def test_words_land_on_their_subject(word: str, subject: str) -> None:
    """Captions of the subject use the word, and no other subject goes by that name."""
    rng = random.Random(1)
    wanted = Attributes(subject=subject, palette="red")
    assert any(word in caption(wanted, rng).lower().split() for _ in range(600))
    names = {s: {re.sub("^(~|an?|the) ", "", phrase) for phrase in phrases("subjects", s)} for s in SUBJECTS}
    assert [s for s, known in names.items() if word in known] == [subject]


def test_synonyms_are_plain_words_under_one_name_each() -> None:
    """No word stands for two subjects, or for two palettes."""
    for group, names in SYNONYMS.items():
        words = [word for entry in names.values() for word in entry]
        assert len(words) == len(set(words)), group
        assert all(word == word.strip().lower() for word in words)


def test_roughened_captions_keep_their_words_but_for_a_slip() -> None:
    """Words are added anywhere, and at most one of the caption's own differs."""
    rng = random.Random(0)
    words = ["a", "golden", "city", "beneath", "distant", "mountains"]
    changed = 0
    for _ in range(100):
        rough = roughen(" ".join(words), rng).split(" ")
        missing = [word for word in words if word not in rough]
        assert len(missing) <= 1
        changed += rough != words
    assert 60 < changed < 100
