"""Stage 4: guidance and many steps folded into four plain ones.

The student starts as the averaged model of stage 3. On the grid that the shipped scheduler uses (t = 1, 3/4, 1/2,
1/4), one student step is taught to land where the frozen teacher lands with several guided steps; after
"Progressive distillation" (Salimans and Ho, 2022) and "On distillation of guided diffusion models" (Meng et
al., 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from beatwalk.training import parallel, store
from beatwalk.training.flow import Batch, Painterly, batches, build, keep_text, load_flow, peek, wordless
from beatwalk.training.latents import prepare_latents
from beatwalk.training.stage import Job, Stage, need
from beatwalk.training.text import load_or_build

STEPS = 4  # of the student
SUBSTEPS = 3  # of the teacher within one of the student's
GUIDANCE = 3.0  # of the teacher


def newest(job: Job) -> str:
    """The checkpoint to use: the student, if it was distilled from the flow as it is now, else the flow."""
    flow, few = need(job, "flow"), store.load(job.work / "few.pt")
    return "few" if few and few.get("base") == flow["step"] else "flow"


@torch.no_grad()
def teach(
    teacher: Callable[..., Tensor],
    x: Tensor,
    t: Tensor,
    states: Tensor,
    mask: Tensor,
    empty: tuple[Tensor, Tensor],
) -> Tensor:
    """Guided teacher steps from t to t - 1/STEPS, as the mean velocity over that stretch."""
    start, at = x, t
    n = len(x)
    both = torch.cat((states, empty[0].expand(n, -1, -1)))
    masks = torch.cat((mask, empty[1].expand(n, -1)))
    step = 1 / (STEPS * SUBSTEPS)
    for _ in range(SUBSTEPS):
        v, u = teacher(torch.cat((x, x)), torch.cat((at, at)), both, masks).float().chunk(2)
        # guidance harms where there is no picture yet and where only detail is left
        weight = (1 + (GUIDANCE - 1) * ((at < 0.98) & (at > 0.1)).float()).view(-1, 1, 1, 1)
        guided = u + weight * (v - u)
        scale = v.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
        guided = guided * (0.6 * scale + 0.4)  # rescaled as in Lin et al., 2024: guidance must not overexpose
        x = x - step * guided
        at = at - step
    return (start - x) * STEPS


def train_few(job: Job) -> Painterly:
    """Train until the minutes are spent; returns the averaged student in evaluation mode."""
    latents = prepare_latents(job, low=False)
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    teacher = load_flow(job).requires_grad_(False)
    model = build(job, tokenizer)
    model.load_state_dict(teacher.state_dict())
    model.text.requires_grad_(False)  # the conditioning stays the teacher's
    if job.compile and job.device != "cpu":
        for block in [*teacher.transformer.transformer_blocks, *model.transformer.transformer_blocks]:
            block.compile()
    plain = ("patch_embed", "proj_out", "time_embed", "scale_shift")
    extra = {"scale": latents.scale, "base": float(need(job, "flow")["step"])}
    stage = Stage(job, "few", model, plain=plain, peak=4e-4, decay=0.99, warm=20, hold=0.4, extra=extra)
    keep_text(stage, model, teacher.text)
    empty = wordless(job, teacher)

    def ask(x: Tensor, t: Tensor, states: Tensor, seen: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            return teacher.velocity(x, t, states, seen)

    def loss_of(batch: Batch, x: Tensor, t: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(job.device, torch.bfloat16):
            states = model.encode(batch.ids, batch.mask).float()
        goal = teach(ask, x, t, states, batch.seen, empty)
        with torch.autocast(job.device, torch.bfloat16):
            v = model.velocity(x, t, states, batch.seen).float()
        return torch.sqrt(((v - goal) ** 2).mean((1, 2, 3)) + 1e-3).mean()

    count = max(1, job.size.batch_flow // 2 // parallel.world())
    stream = batches(job, latents, tokenizer, stage.seed + 7, count)
    look = partial(peek, stage, STEPS, 1.0)
    while stage.done() < 1:
        batch = next(stream)
        noise = torch.randn(batch.x.shape, generator=stage.generator, device=job.device)
        index = torch.randint(0, STEPS, (len(batch.x),), generator=stage.generator, device=job.device)
        t = 1 - index / STEPS
        tt = t.view(-1, 1, 1, 1)
        stage.learn(partial(loss_of, batch, (1 - tt) * batch.x + tt * noise, t))
        stage.tend(look)
    stage.finish(look)
    return load_flow(job, "few")
