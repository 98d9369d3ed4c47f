"""Pictures per second at full size, without any download: `python examples/gpu_bench.py --json figures.json`.

The script builds the architectures of SD 1.5, SD-Turbo and SDXL with random weights (`gpu_models.py`) and a tiny
autoencoder of TAESD's shape. For each architecture one run measures

- beatwalk's own path: `generate` with large batches, channels last, uint8 off the device;
- with --compile, the same path compiled without and with CUDA graphs;
- a plain loop like StreamDiffusion's: one denoising batch holds a picture for every step; tiny autoencoder,
  no guidance.

Every path ends with pictures in the host's memory. `--toy` shrinks everything, to test the script on a processor.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import torch
from gpu_models import build

from beatwalk.models import DiffusionGenerator

MEASURED = ("sd15", "sd-turbo", "sdxl")
MIN_SECONDS = 5.0  # of one measurement, at least


def beatwalks(
    generator: DiffusionGenerator, steps: int, block: int, seconds: float | None = None, *, guidance: float = 1.0
) -> float:
    """Pictures per second of beatwalk's own path."""
    size, text = generator.info.size, generator.encode([str(number) for number in range(block)])
    noise = np.stack([generator.start_noise(seed, size) for seed in range(block)])

    def make() -> int:
        return len(generator.generate(noise, text, None, size=size, steps=steps, guidance=guidance))

    return rate(make, seconds)


def streaming(generator: DiffusionGenerator, steps: int) -> float:
    """Pictures per second of a rolling batch: every call denoises its pictures by one step and finishes one."""
    pipeline, unet = generator.pipeline, generator.denoiser
    device, dtype, size = unet.device, unet.dtype, generator.info.size
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(steps, device=device)
    sigmas, times = scheduler.sigmas.to(device, dtype), scheduler.timesteps
    text = generator.encode([str(number) for number in range(steps)])
    embeds = torch.from_numpy(text.tensors["prompt_embeds"]).to(device, dtype)
    extra: dict[str, Any] = {}
    if "pooled_prompt_embeds" in text.tensors:
        ids = torch.tensor([[size[1], size[0], 0, 0, size[1], size[0]]] * steps, device=device, dtype=dtype)
        extra["added_cond_kwargs"] = {
            "text_embeds": torch.from_numpy(text.tensors["pooled_prompt_embeds"]).to(device, dtype), "time_ids": ids,
        }  # fmt: skip
    fresh = torch.from_numpy(generator.start_noise(0, size))[None].to(device, dtype)
    batch = fresh.repeat(steps, 1, 1, 1) * sigmas[:-1, None, None, None]

    def make() -> int:
        nonlocal batch
        with torch.inference_mode():
            now, then = sigmas[:-1, None, None, None], sigmas[1:, None, None, None]
            noise = unet(batch / (now**2 + 1) ** 0.5, times, embeds, return_dict=False, **extra)[0]
            batch = batch + noise * (then - now)
            picture = pipeline.vae.decode(batch[-1:], return_dict=False)[0]
            ((picture / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            batch = torch.cat([fresh * sigmas[0], batch[:-1]])
        return 1

    return rate(make)


def rate(make: Any, seconds: float | None = None) -> float:
    """Pictures per second of a function that returns how many it made; two calls warm it up."""
    make(), make()
    count, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < (MIN_SECONDS if seconds is None else seconds) or count == 0:
        count += make()
    return count / passed


def compiled(
    generator: DiffusionGenerator, steps: int, block: int, before_per_s: float, way: str, *, graphs: bool
) -> dict[str, Any]:
    """Figures of beatwalk's path compiled; where torch cannot compile it, the reason."""
    begin = time.perf_counter()
    generator.compile(None)
    generator.compile(block, graphs=graphs)
    try:
        beatwalks(generator, steps, block, seconds=0.0)
        compile_s = time.perf_counter() - begin
        after_per_s = beatwalks(generator, steps, block)
    except Exception as error:  # inductor and the compilers that it calls raise many kinds
        generator.compile(None)
        return {f"{way}_per_s": None, f"{way}_error": str(error).strip().partition("\n")[0][:200]}
    saved = 1 / before_per_s - 1 / after_per_s
    pays = round(compile_s / saved) if saved > 0 else None
    return {f"{way}_s": compile_s, f"{way}_per_s": after_per_s, f"{way}_pays_from_pictures": pays}


def measure(
    name: str, steps: int, device: torch.device, dtype: torch.dtype, options: argparse.Namespace
) -> dict[str, Any]:
    """One row of figures."""
    generator = build(name, device, dtype, toy=options.toy)
    row: dict[str, Any] = {
        "architecture": name,
        "steps": steps,
        "size": list(generator.info.size),
        "block": options.block,
    }
    row["stream_per_s"] = streaming(generator, steps)
    row["beatwalk_per_s"] = beatwalks(generator, steps, options.block)
    for way, graphs in {"compiled": False, "graphs": True}.items() if options.compile else ():
        row |= compiled(generator, steps, options.block, row["beatwalk_per_s"], way, graphs=graphs)
    best = max(row["beatwalk_per_s"], *(row.get(f"{way}_per_s") or 0.0 for way in ("compiled", "graphs")))
    row["best_over_stream"] = best / row["stream_per_s"]
    if device.type == "cuda":
        row["peak_device_mb"] = torch.cuda.max_memory_allocated(device) / 1e6
        torch.cuda.reset_peak_memory_stats(device)
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", nargs="+", default=MEASURED, choices=MEASURED)
    parser.add_argument("--steps", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--block", type=int, default=64, help="Pictures per call. Default: 64.")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    device = torch.device(options.device)
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    if options.toy:
        globals()["MIN_SECONDS"] = 0.05
    rows = []
    for name in options.architectures:
        for steps in options.steps:
            rows.append(measure(name, steps, device, dtype, options))
            print(json.dumps(rows[-1]), flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"torch": torch.__version__, "device": str(device), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
