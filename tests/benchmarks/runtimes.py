"""Measure nano's networks in torch, OpenVINO and ONNX Runtime, in turns in one process, and how far pictures differ.

    pip install openvino nncf onnx onnxscript onnxruntime
    python -m tests.benchmarks.runtimes [--rounds 8] [--threads 2] [--size 512x512]

Weights are the same; int8 is nncf's quantisation after training, calibrated on other pictures than those compared.
docs/performance.md has the table, and what followed from it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from beatwalk.models import ModelRequest, load_model
from beatwalk.types import Float32

PROMPTS = (
    "a red sea", "a neon city at night", "a forest", "a galaxy", "a burning tree", "a jellyfish", "desert dunes",
    "a cathedral of glass",
)  # fmt: skip
COMPARED = 2  # the last ones; the others calibrate
LEVELS = 127.5  # of 255, in a picture of -1 to 1

Inputs = list[torch.Tensor]
Way = Callable[[Inputs], Float32]


class Denoiser(torch.nn.Module):
    """nano's transformer with positions for arguments, as the converters want it."""

    def __init__(self, transformer: torch.nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self, latents: torch.Tensor, text: torch.Tensor, mask: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        """Predict from noisy latents."""
        made: torch.Tensor = self.transformer(
            latents, encoder_hidden_states=text, encoder_attention_mask=mask, timestep=timestep, return_dict=False
        )[0]
        return made


def inputs_of(size: tuple[int, int]) -> tuple[list[Inputs], list[Inputs]]:
    """What the denoiser and the decoder are given for each prompt, one picture at a time."""
    generator, seen, decoded = load_model(ModelRequest(device="cpu")), [], []
    parts = generator.pipeline.components

    def note(module: Any, given: tuple[torch.Tensor, ...], named: dict[str, Any]) -> None:
        names = ("encoder_hidden_states", "encoder_attention_mask", "timestep")
        seen.append([_plain(each) for each in (given[0], *(named[name] for name in names))])

    hooks = [
        parts["transformer"].register_forward_pre_hook(note, with_kwargs=True),
        parts["vae"].decoder.register_forward_pre_hook(lambda module, given: decoded.append([_plain(given[0])])),
    ]
    denoised = []
    for seed, prompt in enumerate(PROMPTS):
        noise, before = generator.start_noise(seed, size)[None], len(seen)
        latents = generator.latents(noise, generator.encode([prompt]), None, size=size, steps=4, guidance=1.0)
        generator.decode(latents, size=size)
        denoised.append(seen[before])
    for hook in hooks:
        hook.remove()
    return denoised, decoded


def ways_of(network: torch.nn.Module, half: torch.nn.Module, given: Sequence[Inputs], threads: int) -> dict[str, Way]:
    """A network by each runtime; `network` in float32, `half` the same in bfloat16."""
    import nncf
    import onnxruntime
    import openvino

    example, arrays = tuple(given[0]), [[each.numpy() for each in one] for one in given[:-COMPARED]]
    converted = openvino.convert_model(network, example_input=example)
    converted.reshape({i: list(each.shape) for i, each in enumerate(example)})
    quantised = nncf.quantize(converted, nncf.Dataset(arrays), subset_size=len(arrays))

    def by_openvino(model: Any, precision: str) -> Way:
        options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        compiled = openvino.Core().compile_model(model, "CPU", options)
        return lambda one: np.asarray(compiled([each.numpy() for each in one])[0])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, example, path, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return {
        "torch bfloat16": lambda one: half(*(_halved(each) for each in one)).float().numpy(),
        "torch float32": lambda one: network(*one).numpy(),
        "OpenVINO float32": by_openvino(converted, "f32"),
        "OpenVINO bfloat16": by_openvino(converted, "bf16"),
        "OpenVINO int8": by_openvino(quantised, "bf16"),
        "ONNX Runtime float32": lambda one: session.run(
            None, {name: each.numpy() for name, each in zip(names, one, strict=True)}
        )[0],
    }


def compare(title: str, ways: dict[str, Way], given: Sequence[Inputs], rounds: int, scale: float) -> None:
    """Print milliseconds and differences of each way."""
    wanted = [ways["torch float32"](one) for one in given[-COMPARED:]]
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            way(given[-1])
            if round_:
                times[name].append(1000 * (time.perf_counter() - begin))
    print(title)
    for name, way in ways.items():
        away = np.stack([way(one) - right for one, right in zip(given[-COMPARED:], wanted, strict=True)]) * scale
        print(
            f"  {name:22} {min(times[name]):6.1f} ms (median {np.median(times[name]):.1f})"
            f"   root mean square {np.sqrt(np.mean(away**2)):.4f}, most {np.abs(away).max():.3f}"
        )


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float().clone() if tensor.is_floating_point() else tensor.clone()


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.bfloat16() if tensor.ndim > 1 and tensor.is_floating_point() else tensor


def main() -> None:
    """Measure both networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", default="512x512")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    width, height = map(int, asked.size.split("x"))
    full = load_model(ModelRequest(device="cpu", dtype="float32")).pipeline
    half = load_model(ModelRequest(device="cpu", dtype="bfloat16")).pipeline
    denoised, decoded = inputs_of((width, height))
    with torch.inference_mode():
        step = ways_of(Denoiser(full.transformer).eval(), Denoiser(half.transformer).eval(), denoised, asked.threads)
        compare("one denoising step of one picture; differences in its output", step, denoised, asked.rounds, 1.0)
        decode = ways_of(full.vae.decoder, half.vae.decoder, decoded, asked.threads)
        compare("decoding one picture; differences in levels of 255", decode, decoded, asked.rounds, LEVELS)


if __name__ == "__main__":
    main()
