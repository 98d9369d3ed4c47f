"""People's prompts, read for a model that knows few words."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest

from beatwalk.embedded import nano_path
from beatwalk.errors import ModelError
from beatwalk.models import ModelRequest, load_model
from beatwalk.models.prompt_reader import PromptReader
from beatwalk.training.vocabulary import main, vocabulary


@pytest.fixture(scope="module")
def reader() -> PromptReader:
    """Nano's own."""
    found = PromptReader.of(nano_path())
    assert found is not None
    return found


@pytest.mark.parametrize(
    "prompt",
    [
        "a calm ocean at dawn",
        "a burning tree in the desert",
        "Neon city at night, oil painting",
        "silver rings of light",
    ],
)
def test_what_the_model_has_met_is_left_as_it_is(reader: PromptReader, prompt: str) -> None:
    """A prompt of nothing but words of captions goes through unchanged."""
    assert reader.read(prompt).text == prompt


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (
            "ethereal goddess of liquid chrome in a neon-drenched cyberpunk alley, rain, octane render, 8k",
            "dreamy neon alley with synthwave light",
        ),
        ("(golden:1.4) galaxy, [nebula], no stars --ar 16:9 --v 5", "gold galaxy"),
        ("(forest:1.5) and ocean, highly detailed, artstation", "forest"),
        ("ocean and [[forest]], octane render", "ocean"),
        ("red and blue smoke swirling slowly", "red smoke with blue light"),
        ("a wolf howling at the blood moon, 8k", "wolf"),
        ("rainy neon street, tokyo, 35mm", "neon street"),
        ("galxy of strs", "galaxy"),
        ("purple forrest, unreal engine", "purple forest"),
        ("volumetric lighting through a forest", "forest"),
        ("JELLYFISHES IN THE DEEP, PURPLE!!!", "purple jellyfish"),
        ("ocean waves without foam, not blue", "ocean"),
        ("🌊🌙💜", "purple ocean"),
        ("une forêt enchantée au crépuscule, brume dorée", "misty gold forest at dusk"),
        ("夜の東京、雨、ネオン", "neon city at night"),
        ("霓虹城市，雨夜", "neon city at night"),
        ("노을 지는 바다, 보라색 하늘", "sunset-coloured ocean with purple light"),
        ("ein leuchtender Wald bei Nacht, Nebel", "misty forest at night"),
        ("un bosque oscuro con niebla azul", "misty blue forest"),
        ("floresta ao amanhecer, verde esmeralda", "green forest with emerald light at dawn"),
        ("una città di notte, blu", "blue city at night"),
        ("сверкающий город ночью, неон, дождь", "glowing neon city at night"),
    ],
)
def test_what_people_type_becomes_a_caption(reader: PromptReader, prompt: str, text: str) -> None:
    """Boilerplate, weights, flags, negatives, slips, plurals, pictographs, eight languages."""
    assert reader.read(prompt).text == text


def test_the_colour_nearest_to_the_subject_leads(reader: PromptReader) -> None:
    """Adjectives belong to their nouns."""
    assert reader.read("pink flower, teal background, artstation").text == "pink flower with teal light"
    assert reader.read("teal background, pink flower, artstation").text == "pink flower with teal light"


def test_nothing_known_gives_a_mood_of_its_own(reader: PromptReader) -> None:
    """Stable, of the text's own, and always something that the painter could have painted."""
    readings = [reader.read(text) for text in ("asdf qwer", "asdf qwer ", "lorem ipsum", "x" * 5000, "\ud83d", "?!")]
    assert not any(reading.known for reading in readings)
    assert readings[0].text == readings[1].text != readings[2].text
    texts = {reader.read(f"qx{i}zv").text for i in range(50)}
    assert len(texts) > 30
    subjects = tuple(reader.names["subjects"][name] for name in reader.own)
    assert all(text.endswith((*subjects, " at night", " at dawn", " at sunset", " at dusk")) for text in texts)
    assert not any("misty" in text for text in texts)


def test_moods_of_its_own_suit_the_subject(reader: PromptReader) -> None:
    """Each subject has its own, and only those are drawn."""
    for number in range(300):
        words = reader.read(f"qx{number}zv").text
        name = next(name for name in reader.own if reader.names["subjects"][name] in words)
        assert any(reader.names["moods"][mood] in words for mood in reader.own[name])


def test_a_vocabulary_without_moods_of_its_own_takes_all() -> None:
    """As files had it before there were any; one that names an unknown mood, or none, is refused."""
    data = vocabulary()
    taken = PromptReader.from_json(data | {"own": list(data["own"])})
    assert all(set(moods) == set(data["words"]["moods"]) for moods in taken.own.values())
    for wrong, said in ({"nebula": ["gloom"]}, "gloom"), ({"nebula": []}, "moods"):
        with pytest.raises(ValueError, match=said):
            PromptReader.from_json(data | {"own": wrong})


def test_what_was_read_is_said(reader: PromptReader) -> None:
    """In one line."""
    said = reader.read("a goddess in a neon zxqv city, 8k").to_text("nano")
    assert said == "nano reads: city, neon · unknown: zxqv"
    assert "mood of its own" in reader.read("asdf").to_text("nano")


def test_marks_of_its_own_in_a_text_do_no_harm(reader: PromptReader) -> None:
    """Control characters, and weights beside them."""
    assert reader.read("\x01 (ocean:1.2) \x00.\x00 zq").text == "ocean"


def test_any_text_becomes_a_caption(reader: PromptReader) -> None:
    """Random letters of all scripts, brackets and numbers; what comes out is read as itself."""
    rng = random.Random(0)
    letters = string.printable + "()[]:.,<>{}|-–—éßñ日本語中文한국어Русский🌊🔥\u200d\ufe0f\x00\u202e"
    for _ in range(400):
        text = "".join(rng.choice(letters) for _ in range(rng.randrange(120)))
        reading = reader.read(text)
        assert reading.text == text or set(reading.text) <= set(string.ascii_lowercase + " ,-")
        assert reader.read(reading.text).text == reading.text


def test_the_file_is_what_the_recipe_makes() -> None:
    """`python -m beatwalk.training.vocabulary` was run after the last change of words."""
    trained = json.loads((nano_path() / "training.json").read_text(encoding="utf-8"))["subjects"]
    assert json.loads((nano_path() / "words.json").read_text(encoding="utf-8")) == vocabulary(trained)


def test_a_model_paints_something_near_where_it_does_not_know_a_subject() -> None:
    """Its reader names only what it was trained on; one that knows the subject names it."""
    known = [name for name in vocabulary()["words"]["subjects"] if name not in ("wolf", "lighthouse")]
    few, all_ = PromptReader.from_json(vocabulary(known)), PromptReader.from_json(vocabulary())
    for prompt, far, near in (
        ("a blue wolf at night", "a blue wolf at night", "blue forest at night"),
        ("un phare rouge", "red lighthouse", "red ocean"),
        ("a wolf on a mountain, octane render", "wolf", "mountains"),
    ):
        assert all_.read(prompt).text == far
        assert few.read(prompt).text == near
    with pytest.raises(KeyError, match="no 'unicorn'"):
        vocabulary(["unicorn"])


def test_the_command_writes_the_vocabulary_of_the_model_that_lies_there(tmp_path: Path) -> None:
    """Its training says what it knows; where nothing is said it knows all."""
    main(["--out", str(tmp_path / "words.json")])
    assert json.loads((tmp_path / "words.json").read_text(encoding="utf-8")) == vocabulary()
    known = [name for name in vocabulary()["words"]["subjects"] if name != "rose"]
    (tmp_path / "training.json").write_text(json.dumps({"subjects": known}), encoding="utf-8")
    main(["--out", str(tmp_path / "words.json")])
    reader = PromptReader.of(tmp_path)
    assert reader is not None
    assert set(reader.names["subjects"]) == set(known)
    assert reader.read("eine rote Rose").text == "red flower"


def test_every_language_has_the_words_that_matter() -> None:
    """Subjects, colours, light, weather and moods in nine languages beside English."""
    made = vocabulary()
    heard = {word for group in made["words"].values() for entry in group.values() for word in entry["others"]}
    heard |= {word for words in made["hints"].values() for word in words}
    for signs in (
        ("ciudad*", "azul*", "noche*", "tormenta*"), ("cidade*", "verde*", "noite*", "chuva*"),
        ("ville*", "bleu*", "nuit*", "orage*"), ("stadt*", "grün*", "nacht*", "gewitter*"),
        ("città", "giall*", "notte*", "temporale*"), ("город*", "син*", "ноч*", "гроз*"),
        ("都市", "青", "夜", "嵐"), ("城市", "蓝色", "夜", "风暴"), ("도시", "파란", "밤", "폭풍"),
    ):  # fmt: skip
        assert set(signs) <= heard


def test_a_damaged_vocabulary_is_named(tmp_path: Path) -> None:
    """With its file."""
    whole = vocabulary()
    moods = {**whole["words"], "moods": {"sulky": whole["words"]["moods"]["dark"]}}
    unknown: tuple[dict[str, Any], ...] = (
        {"own": ["cat"]},
        {"hints": {"cat": ["kitten"]}},
        {"implied": {"neon": "cat"}},
        {"words": moods},
    )
    others = [json.dumps({**whole, **change}) for change in ({"own": []}, *unknown)]
    for text in ("", "[]", '{"version": 2}', '{"version": 1, "words": {}}', *others):
        (tmp_path / "words.json").write_text(text)
        with pytest.raises(ModelError, match=r"words\.json: not a vocabulary"):
            PromptReader.of(tmp_path)
    (tmp_path / "words.json").unlink()
    assert PromptReader.of(tmp_path) is None


def test_the_model_inside_words_prompts_with_it() -> None:
    """And says so; no words are no prompt, and negatives are encoded as they are."""
    nano = load_model(ModelRequest())
    assert nano.worded("夜の東京、雨、ネオン") == nano.worded("neon city at night") == "neon city at night"
    assert nano.worded(" ") == " "
    assert nano.notes_on(["neon city at night", "夜の東京、雨、ネオン"]) == ["nano reads: city, neon, at night"]
    one, other = (nano.encode([text]).tensors["prompt_embeds"] for text in ("blurry", nano.worded("blurry")))
    assert one.shape != other.shape or (one != other).any()
