"""Checkpoints that predict v are known by their marks, or by what the settings say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffusers import DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline

from beatwalk.errors import ModelError
from beatwalk.models import DiffusionGenerator
from beatwalk.models.addons import AddOns
from tests.models.single_file import write_checkpoint
from tests.models.test_diffusers_backend import pictures
from tests.models.tiny import Loaded, Saved, betas, on_cpu

ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


def from_file(
    folder: Path, path: Path, marks: tuple[str, ...] = (), prediction: str | None = None, **addons: str
) -> DiffusionGenerator:
    """A folder's model from a checkpoint with marks."""
    pipeline = StableDiffusionPipeline.from_pretrained(str(folder), safety_checker=None)
    write_checkpoint(pipeline, path, marks=marks)
    return on_cpu(path, model_config=folder, addons=AddOns(prediction=prediction, **addons))  # type: ignore[arg-type]


@pytest.fixture
def from_folder(saved: Saved, tmp_path: Path) -> DiffusionGenerator:
    """A folder whose scheduler says v and zero terminal SNR."""
    pipeline = StableDiffusionPipeline.from_pretrained(str(saved("sd")), safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, prediction_type="v_prediction", **ZERO_SNR
    )
    pipeline.save_pretrained(tmp_path / "folder", safe_serialization=True)
    return on_cpu(tmp_path / "folder")


def test_marks_make_what_the_scheduler_of_a_folder_makes(
    from_folder: DiffusionGenerator, saved: Saved, tmp_path: Path
) -> None:
    """Picture by picture; and no model that predicts v is taken for a turbo."""
    made = from_file(saved("sd"), tmp_path / "a.safetensors", ("v_pred", "ztsnr"))
    assert np.array_equal(pictures(made), pictures(from_folder))
    assert (made.info.steps, made.info.guidance) == (25, 7.5)


@pytest.mark.parametrize(
    ("marks", "prediction", "expected"),
    [
        ((), None, ("epsilon", False)),
        (("v_pred",), None, ("v_prediction", False)),
        (("v_pred", "ztsnr"), None, ("v_prediction", True)),
        ((), "v", ("v_prediction", False)),
        (("ztsnr",), "v", ("v_prediction", True)),
        (("ztsnr",), None, ("epsilon", False)),  # noise cannot be predicted from noise alone
        (("v_pred", "ztsnr"), "epsilon", ("epsilon", False)),
    ],
)
def test_settings_win_over_marks(
    marks: tuple[str, ...], prediction: str | None, expected: tuple[str, bool], saved: Saved, tmp_path: Path
) -> None:
    """What is predicted, and whether down to pure noise."""
    config = from_file(saved("sd"), tmp_path / "a.safetensors", marks, prediction).pipeline.scheduler.config
    assert (config.prediction_type, config.rescale_betas_zero_snr) == expected


def test_a_scheduler_that_cannot_start_from_pure_noise_is_replaced(
    saved: Saved, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """PNDM, which most checkpoints of SD come with; one that is asked for by name stays, and that is said."""
    pipeline = StableDiffusionPipeline.from_pretrained(str(saved("sd")), safety_checker=None)
    pipeline.scheduler = PNDMScheduler(**betas(skip_prk_steps=True, steps_offset=1))
    pipeline.save_pretrained(tmp_path / "pndm", safe_serialization=True)
    made = from_file(tmp_path / "pndm", tmp_path / "a.safetensors", ("v_pred", "ztsnr"))
    assert type(made.pipeline.scheduler) is EulerDiscreteScheduler
    assert made.pipeline.scheduler.alphas_cumprod[-1] < 1e-6
    assert pictures(made).std(axis=(1, 2, 3)).min() > 5
    assert not caplog.records
    asked = from_file(tmp_path / "pndm", tmp_path / "a.safetensors", ("v_pred", "ztsnr"), scheduler="heun")
    assert type(asked.pipeline.scheduler).__name__ == "HeunDiscreteScheduler"
    assert 'scheduler "heun" cannot start' in caplog.records[0].getMessage()


def test_folders_take_the_setting_and_fingerprints_tell_it(saved: Saved, loaded: Loaded) -> None:
    """A render does not resume with another prediction; models of flow matching have none to choose."""
    made = on_cpu(saved("sd"), addons=AddOns(prediction="v"))
    assert made.pipeline.scheduler.config.prediction_type == "v_prediction"
    assert made.info.fingerprint != loaded("sd").info.fingerprint
    for kind, said in (("flux", "trained by flow matching"), ("sana-sprint", "trained by trigflow")):
        with pytest.raises(ModelError, match=f"model.prediction=v does not go with this model, which is {said}"):
            on_cpu(saved(kind), addons=AddOns(prediction="v"))
