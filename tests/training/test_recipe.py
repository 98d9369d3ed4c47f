"""The whole recipe at toy size: paint, train each stage for a moment, export, load with diffusers."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC, DiffusionPipeline, SanaPipeline

from beatwalk.models import PromptReader
from beatwalk.training import store
from beatwalk.training.__main__ import parse
from beatwalk.training.adopt import adopt
from beatwalk.training.autoencoder import load_autoencoder, train_autoencoder
from beatwalk.training.classifier import fresh, shrink, train_judge
from beatwalk.training.decoder import Finisher, train_decoder
from beatwalk.training.export import export, hashes
from beatwalk.training.few import STEPS, newest, train_few
from beatwalk.training.flow import OFTEN, batches, load_flow, render, rounds, train_flow
from beatwalk.training.gallery import blocks, frame, paint_block, read_block
from beatwalk.training.latents import encode_set, load_latents, prepare_latents
from beatwalk.training.models import FULL, HISTORY, PATCH, TOY
from beatwalk.training.painter import PALETTES, SUBJECTS
from beatwalk.training.recipe import job as job_of
from beatwalk.training.stage import Job
from beatwalk.training.text import load_or_build
from beatwalk.training.words import tokens, train_words

ONE_EACH = dict.fromkeys(SUBJECTS, 1)
HOUR = 60.0  # minutes: more than any test takes


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A workplace in which every stage has been run for a moment."""
    work = tmp_path_factory.mktemp("training")
    job = Job(work=work, minutes=HOUR, device="cpu", size=TOY, compile=False, steps=2)
    for number in range(4):  # the last one is not square
        paint_block(work / "set", number, TOY, wanted=ONE_EACH)
    train_autoencoder(job)
    train_words(job)
    train_flow(job)
    train_few(job)
    train_decoder(job)
    return job


def test_painting_the_same_block_twice_gives_the_same_pictures(job: Job, tmp_path: Path) -> None:
    """Block numbers are seeds."""
    paint_block(tmp_path, 1, TOY, wanted=ONE_EACH)
    first, shown = read_block(blocks(job.work / "set")[1])
    again, shown_again = read_block(blocks(tmp_path)[0])
    assert shown == shown_again
    np.testing.assert_array_equal(first, again)


def test_new_subjects_are_added_to_a_block_and_nothing_is_painted_twice(job: Job, tmp_path: Path) -> None:
    """A set that was painted when fewer subjects were known becomes the same set, in two parts."""
    fewer = {name: 1 for name in SUBJECTS if name not in ("galaxy", "skull")}
    paint_block(tmp_path, 1, TOY, wanted=fewer)
    (first,) = blocks(tmp_path)
    made = first.stat().st_mtime_ns
    for _ in range(2):
        paint_block(tmp_path, 1, TOY, wanted=ONE_EACH)
    paths = blocks(tmp_path)
    assert [path.name for path in paths] == ["pictures-00001-1.npy", "pictures-00001.npy"]
    assert first.stat().st_mtime_ns == made
    assert blocks(tmp_path, 2) == blocks(tmp_path, stop=1) == []
    whole, shown = read_block(blocks(job.work / "set", 1, 2)[0])
    at_once = {one.subject: (one, picture) for one, picture in zip(shown, whole, strict=True)}
    found = 0
    for path in paths:
        for picture, one in zip(*read_block(path), strict=True):
            assert at_once[one.subject][0] == one
            np.testing.assert_array_equal(at_once[one.subject][1], picture)
            found += 1
    assert found == len(SUBJECTS)


def test_every_fourth_block_has_another_frame(job: Job) -> None:
    """Its latents are kept apart from the square ones, at both sizes, and all of its pictures are there."""
    assert [frame(number, TOY) for number in (0, 3, 7)] == [(64, 64), (64, 128), (64, 128)]
    assert [frame(number, FULL) for number in (2, 3, 7)] == [(512, 512), *FULL.frames[:2]]
    step = FULL.factor * PATCH
    for height, width in FULL.frames:
        assert height % step == width % step == height // 2 % step == width // 2 % step == 0
        assert 0.8 < height * width / FULL.picture**2 < 1.2
    for low in (True, False):
        parts = load_latents(job.work / "latents", low).parts
        side = (TOY.low if low else TOY.picture) // TOY.factor
        assert [(tuple(p.x.shape[2:]), len(p.shown)) for p in parts] == [
            ((side, side), 2 * len(SUBJECTS)),
            ((side, 2 * side), len(SUBJECTS)),
        ]
        assert all(len(p.x) == len(p.shown) for p in parts)


def test_a_batch_has_one_shape_and_a_round_has_all_pictures(job: Job) -> None:
    """Square and wide ones in proportion, hard subjects often; what does not fill a batch opens the next round."""
    parts = load_latents(job.work / "latents", low=False).parts
    stream = rounds(parts, 4, random.Random(0))
    turns = [[OFTEN.get(one.subject, 1) for one in part.shown] for part in parts]
    full = [sum(each) // 4 for each in turns]
    first = [next(stream) for _ in range(sum(full))]
    for part, each, most in zip(parts, turns, (4 * count for count in full), strict=True):
        seen = Counter(i for p, index in first if p is part for i in index)
        assert seen.total() == most
        assert all(seen[i] <= times for i, times in enumerate(each))
        assert max(each) > 1
    model = load_flow(job)
    latents = replace(load_latents(job.work / "latents", low=False), parts=parts[1:])
    batch = next(batches(job, latents, load_or_build(job.work / "tokenizer", TOY), 0, 4))
    assert batch.x.shape == (4, 16, 4, 8)
    with torch.inference_mode():
        out = model.velocity(batch.x, torch.full((4,), 0.5), model.encode(batch.ids, batch.mask), batch.seen)
    assert out.shape == batch.x.shape


def test_square_blocks_of_an_older_set_still_load(job: Job, tmp_path: Path) -> None:
    """A folder that has square blocks alone gives one part."""
    for path in (job.work / "latents").glob("*pictures-0000[012].*"):
        shutil.copy(path, tmp_path)
    (part,) = load_latents(tmp_path, low=True).parts
    assert len(part.shown) == len(part.x) == 2 * len(SUBJECTS)


def test_an_older_checkpoint_gets_the_text_encoder_of_today(job: Job, tmp_path: Path) -> None:
    """The flow goes on with the words stage's newest weights."""
    work = tmp_path / "work"
    shutil.copytree(job.work, work)
    state = torch.load(work / "words.pt", weights_only=True)
    state["average"] = {k: v + 0.25 if v.is_floating_point() else v for k, v in state["average"].items()}
    torch.save(state, work / "words.pt")
    model = train_flow(replace(job, work=work, steps=3))
    for name, value in model.text.state_dict().items():
        torch.testing.assert_close(value, state["average"][f"text.{name}"])


def test_words_that_were_never_met_give_a_picture(job: Job) -> None:
    """Slips, other languages, signs, nothing and five hundred words: finite states, and not all the same."""
    texts = [
        "a glaxy of sapphire moutains",
        "ein brennender Wald",
        "金色の都市",
        "🌋🔥",
        "",
        "lorem ipsum " * 250,
        "?!",
    ]
    model, tokenizer = load_flow(job), load_or_build(job.work / "tokenizer", TOY)
    ids, mask = tokens(tokenizer, texts, TOY.tokens)
    states = model.encode(ids, mask)
    assert torch.isfinite(states).all()
    mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    apart = torch.cdist(mean, mean) + torch.eye(len(texts)) * 9
    assert float(apart.detach().min()) > 1e-3
    for size in ((64, 64), (64, 128)):
        made = render(job, model, load_autoencoder(job), tokenizer, texts, 1.0, 1, 1.0, size)
        assert made.shape == (len(texts), *size, 3)
        assert made.std((1, 2, 3)).min() > 0


def test_the_judge_learns_from_fresh_pictures_and_looks_at_any_shape(job: Job) -> None:
    """A step leaves a checkpoint; the same seed paints the same stream; answers have the painter's classes."""
    first, again = (next(fresh(5, "cpu")) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert first[0].shape[1:] == (128, 128, 3)
    judge = train_judge(replace(job, steps=1))
    picture = torch.randint(0, 256, (1, 90, 180, 3), dtype=torch.uint8).numpy()
    with torch.inference_mode():
        subject, palette, _ = judge(shrink(picture))
    assert shrink(picture).shape == (1, 3, 128, 256)
    assert (subject.shape[1], palette.shape[1]) == (len(SUBJECTS), len(PALETTES))
    assert torch.isfinite(palette).all()


def test_resuming_goes_on_from_the_checkpoint(job: Job) -> None:
    """A second run with more steps keeps the steps of the first."""
    before = torch.load(job.work / "flow.pt", weights_only=True)["step"]
    train_flow(replace(job, steps=3))
    after = torch.load(job.work / "flow.pt", weights_only=True)
    assert (before, after["step"]) == (2, 3)


def test_latents_are_those_of_the_encoder(job: Job) -> None:
    """Encoded once; anew where the autoencoder was trained on, and what was distilled before counts no longer."""
    files = sorted((job.work / "latents").glob("*.npy"))
    before = [path.stat().st_mtime_ns for path in files]
    encode_set(job, load_autoencoder(job), low=True)
    assert [path.stat().st_mtime_ns for path in files] == before
    other = load_autoencoder(job)
    with torch.no_grad():
        next(other.encoder.parameters()).add_(0.1)
    encode_set(job, other, low=True)
    left = sorted((job.work / "latents").glob("*.npy"))
    assert left == [path for path in files if path.name.startswith("low")]
    assert all(path.stat().st_mtime_ns not in before for path in left)
    prepare_latents(job, low=True)  # as they were


def test_half_of_what_the_decoder_sees_was_finished_by_the_student(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first half of every batch; the rest are the pictures' own latents."""
    work = tmp_path / "work"
    shutil.copytree(job.work, work)
    fresh = replace(job, work=work, resume=False, steps=1)
    (work / "decoder.pt").unlink()
    given: list[torch.Tensor] = []
    seen: list[torch.Tensor] = []
    decode = AutoencoderDC.decode

    def finish(self: Finisher, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        assert noise.shape == latents.shape
        given.append(latents)
        return latents * 0 + 7

    def watched(self: AutoencoderDC, z: torch.Tensor, **options: bool) -> object:
        seen.append(z)
        return decode(self, z, **options)

    monkeypatch.setattr(Finisher, "__call__", finish)
    monkeypatch.setattr(AutoencoderDC, "decode", watched)
    train_decoder(fresh)
    half = TOY.batch_autoencoder // 4
    assert [len(latents) for latents in given] == [half]
    assert len(seen[0]) == 2 * half
    assert (seen[0][:half] == 7).all()
    assert (seen[0][half:] != 7).all()


def test_the_students_last_step_is_that_of_its_schedule(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last step that guesses rightly gives the latents back; one that guesses nothing, what it was shown."""
    finish = Finisher(job)
    chance = torch.Generator().manual_seed(0)
    latents, noise = (torch.randn((2, 16, 4, 8), generator=chance) for _ in range(2))
    made = finish(latents, noise)
    assert made.shape == latents.shape
    assert torch.isfinite(made).all()
    assert not made.requires_grad
    scaled = latents * finish.scale
    asked: list[torch.Tensor] = []

    def guess(x: torch.Tensor, t: torch.Tensor, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        asked.append(t)
        assert len(states) == len(mask) == len(x)
        return (noise - scaled) * answer

    monkeypatch.setattr(finish.model, "velocity", guess)
    answer = 1.0
    torch.testing.assert_close(finish(latents, noise), latents)
    answer = 0.0
    shown = (1 - 1 / STEPS) * latents + noise / STEPS / finish.scale
    torch.testing.assert_close(finish(latents, noise), shown)
    assert all((t == 1 / STEPS).all() for t in asked)


def test_a_student_of_an_older_flow_counts_no_longer(job: Job, tmp_path: Path) -> None:
    """The newest model is the student of today's flow, else the flow; the decoder's latents are finished by it."""
    state = torch.load(job.work / "few.pt", weights_only=True)
    shutil.copytree(job.work / "tokenizer", tmp_path / "tokenizer")
    store.save(tmp_path / "flow.pt", {"step": 5})
    store.save(tmp_path / "few.pt", state | {"base": 5.0})
    finished = Finisher(replace(job, work=tmp_path)).model.state_dict()
    assert all(torch.equal(value, state["average"][name]) for name, value in finished.items())
    job = replace(job, work=tmp_path)
    assert newest(job) == "few"
    store.save(tmp_path / "flow.pt", {"step": 6})
    assert newest(job) == "flow"
    store.save(tmp_path / "few.pt", {"step": 9, "base": 6.0})
    assert newest(job) == "few"
    (tmp_path / "few.pt").unlink()
    assert newest(job) == "flow"


def test_answers_of_a_smaller_vocabulary_are_learnt_again(job: Job, tmp_path: Path) -> None:
    """A checkpoint of the words from before the painter knew more goes on, all but the layer that names subjects."""
    state = store.load(job.work / "words.pt")
    assert state is not None
    for part in ("model", "average"):
        for name in ("heads.0.weight", "heads.0.bias"):
            state[part][name] = state[part][name][:-3]
    store.save(tmp_path / "words.pt", state)
    shutil.copytree(job.work / "tokenizer", tmp_path / "tokenizer")
    later = replace(job, work=tmp_path, steps=state["step"])
    train_words(later)
    after = store.load(tmp_path / "words.pt")
    assert after is not None
    assert len(after["average"]["heads.0.bias"]) == len(SUBJECTS)
    for name, value in after["average"].items():
        if not name.startswith("heads."):
            torch.testing.assert_close(value, state["average"][name])


def test_how_long_is_told_in_minutes_or_in_steps_of_a_stage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps belong to one stage; painting and exporting take as long as they take."""
    folders = ["--work", str(tmp_path), "--out", str(tmp_path / "out")]
    counted = job_of(parse([*folders, "--stage", "flow", "--steps", "7"]), "flow")
    assert (counted.steps, counted.minutes) == (7, 0)
    timed = job_of(parse([*folders, "--minutes", "100"]), "flow")
    assert (timed.steps, timed.minutes) == (None, 50)
    assert parse([*folders, "--stage", "paint"]).minutes is None
    for wrong in (["--steps", "7"], ["--steps", "7", "--stage", "paint"], ["--stage", "flow"], []):
        with pytest.raises(SystemExit):
            parse([*folders, *wrong])
        assert "--steps" in capsys.readouterr().err


def test_a_missing_stage_is_named(job: Job, tmp_path: Path) -> None:
    """Training the flow without an autoencoder says what to do."""
    empty = replace(job, work=tmp_path)
    with pytest.raises(FileNotFoundError, match="train that stage first"):
        load_autoencoder(empty)
    with pytest.raises(FileNotFoundError, match="train that stage first"):
        load_flow(empty)


def test_the_exported_folder_loads_and_paints(job: Job, tmp_path: Path) -> None:
    """Export gives a SanaPipeline in half precision that answers to embeddings and latents."""
    train_flow(replace(job, steps=4))  # what was distilled from its third step is too old
    out = export(job, tmp_path / "nano")
    assert DiffusionPipeline.from_pretrained(out).scheduler.config.solver_order == 2
    train_few(job)
    assert torch.load(job.work / "few.pt", weights_only=True)["base"] == 4
    out = export(job, tmp_path / "nano")
    card = (out / "README.md").read_text(encoding="utf-8")
    assert all(digest in card for digest in hashes(out).values())
    assert json.loads((out / "beatwalk.json").read_text(encoding="utf-8"))["steps"] == 4
    pipe = DiffusionPipeline.from_pretrained(out, dtype=torch.float32)
    assert isinstance(pipe, SanaPipeline)
    pipe.set_progress_bar_config(disable=True)
    side = TOY.picture // TOY.factor
    latents = torch.randn((1, 16, side, side), generator=torch.Generator().manual_seed(0))
    pictures = pipe(
        "a red spiral",
        height=TOY.picture,
        width=TOY.picture,
        latents=latents,
        guidance_scale=1.0,
        num_inference_steps=4,
        use_resolution_binning=False,
        complex_human_instruction=None,
        output_type="np",
    ).images
    assert pictures.shape == (1, TOY.picture, TOY.picture, 3)
    assert np.isfinite(pictures).all()


def test_a_finished_model_can_be_gone_on_with(job: Job, tmp_path: Path) -> None:
    """Where its checkpoints are gone: all stages start from its weights, and it is exported as it was."""
    train_flow(job)
    train_few(job)
    first = export(job, tmp_path / "first")
    later = replace(job, work=tmp_path / "work")
    adopt(later, first)
    again = export(later, tmp_path / "again")
    assert hashes(first) == hashes(again)
    reader = PromptReader.of(first)
    assert reader is not None
    assert list(reader.names["subjects"]) == list(SUBJECTS) == json.loads((first / HISTORY).read_text())["subjects"]
    assert (first / HISTORY).read_text(encoding="utf-8") == (again / HISTORY).read_text(encoding="utf-8")
    shutil.copytree(job.work / "set", later.work / "set")
    more = replace(later, steps=3)
    for train in (train_autoencoder, train_words, train_flow, train_few, train_decoder):
        train(more)
        assert torch.load(later.work / f"{train.__name__.removeprefix('train_')}.pt", weights_only=True)["step"] == 3
    assert not set(hashes(first).values()) & set(hashes(export(later, tmp_path / "more")).values())
    steps, before = (
        json.loads((tmp_path / n / HISTORY).read_text(encoding="utf-8"))["steps"] for n in ("more", "first")
    )
    assert steps == {stage: count + 3 for stage, count in before.items()}
    adopt(later, first)  # checkpoints that are there go first
    assert torch.load(later.work / "few.pt", weights_only=True)["step"] == 3
    with pytest.raises(OSError, match=r"model_index\.json"):
        adopt(replace(job, work=tmp_path / "none"), tmp_path)
    with pytest.raises(ValueError, match="at this size"):
        adopt(replace(job, work=tmp_path / "none", size=FULL), first)
    assert not list((tmp_path / "none").glob("*.pt"))
