"""Stage 3: guidance and many steps folded into four plain ones.

The student starts as the averaged model of stage 2. On the grid that the shipped scheduler uses (t = 1, 3/4, 1/2,
1/4), one student step is taught to land where the frozen teacher lands with several guided steps; after
"Progressive distillation" (Salimans and Ho, 2022) and "On distillation of guided diffusion models" (Meng et
al., 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from beatwalk.training import parallel, store
from beatwalk.training.autoencoder import CHECK, Job
from beatwalk.training.flow import Painterly, batches, build, load_flow, peek, tokens
from beatwalk.training.latents import load_latents
from beatwalk.training.optim import Average, Muon, rate
from beatwalk.training.text import load_or_build

STEPS = 4  # of the student
SUBSTEPS = 3  # of the teacher within one of the student's
GUIDANCE = 3.0  # of the teacher


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """Inputs of one student step and where it should go."""

    x: Tensor
    t: Tensor
    velocity: Tensor


@torch.no_grad()
def teach(teacher: Any, x: Tensor, t: Tensor, states: Tensor, mask: Tensor, empty: tuple[Tensor, Tensor]) -> Lesson:
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
    return Lesson(x=start, t=t, velocity=(start - x) * STEPS)


def train_few(job: Job) -> Painterly:
    """Train until the minutes are spent; returns the averaged student in evaluation mode."""
    path, journal = job.work / "few.pt", job.work / "few.jsonl"
    latents = load_latents(job.work / "latents")
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    teacher = load_flow(job)
    teacher.requires_grad_(False)
    model = build(job, tokenizer)
    model.load_state_dict(teacher.state_dict())
    model.text.requires_grad_(False)  # the conditioning stays the teacher's
    optimiser = Muon(model.transformer.named_parameters(), lr=4e-4, plain=("patch_embed", "proj_out", "time_embed"))
    average = Average(model, 0.99)
    step, clock = 0, store.Clock(job.minutes)
    state = store.load(path) if job.resume else None
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.weights = {k: v.to(job.device) for k, v in state["average"].items()}
        step, clock = state["step"], store.Clock(job.minutes, state["spent_s"])
    generator = torch.Generator(job.device).manual_seed(job.seed + step + 77 * parallel.rank())
    ids, mask = tokens(tokenizer, [""], min(40, job.size.tokens))
    empty = (teacher.encode(ids.to(job.device), mask.to(job.device)).float(), mask.to(job.device))

    def ask(x: Tensor, t: Tensor, states: Tensor, seen: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            return teacher.velocity(x, t, states, seen)

    def loss_of(x: Tensor, t: Tensor, goal: Tensor, states: Tensor, seen: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            v = model.velocity(x, t, states, seen).float()
        error = ((v - goal) ** 2).mean((1, 2, 3))
        return torch.sqrt(error + 1e-3).mean()

    run: Any = torch.compile(loss_of) if job.compile else loss_of
    teacher_run: Any = torch.compile(ask) if job.compile else ask
    count = max(1, job.size.batch_flow // 2 // parallel.world())
    stream = batches(job, latents, tokenizer, False, job.seed + 7 + step + 77 * parallel.rank(), count)
    recent, begin = 1.0, step
    while (done := job.done(step, clock)) < 1:
        batch = next(stream)
        with torch.no_grad(), torch.autocast(job.device, torch.bfloat16):
            states = model.encode(batch.ids, batch.mask)
        states = states.float()
        noise = torch.randn(batch.x.shape, generator=generator, device=job.device)
        index = torch.randint(0, STEPS, (len(batch.x),), generator=generator, device=job.device)
        t = 1 - index / STEPS
        tt = t.view(-1, 1, 1, 1)
        for group in optimiser.param_groups:
            group["lr"] = rate(step, done, 4e-4, warm=20, hold=0.4)

        def work(
            x: Tensor = (1 - tt) * batch.x + tt * noise,
            t: Tensor = t,
            states: Tensor = states,
            seen: Tensor = batch.seen,
        ) -> Tensor:
            lesson = teach(teacher_run, x, t, states, seen, empty)
            loss: Tensor = run(lesson.x, t, lesson.velocity, states, seen)
            loss.backward()
            return loss.detach()

        loss = parallel.first_alone(step - begin, work)
        parallel.share_gradients(model.transformer.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(model, step)
        step += 1
        recent += (float(loss) - recent) * max(0.04, 1 / step)
        if parallel.rank():
            continue
        if clock.due("log", 30):
            store.log(journal, stage="few", step=step, minutes=clock.spent_s / 60, loss=recent)
        if clock.due("save", CHECK):
            _save(path, model, optimiser, average, step, clock, latents.scale)
        if clock.due("sheet", 2 * CHECK):
            peek(job, average, latents.scale, f"few-{step:06d}", STEPS, 1.0)
    if parallel.rank() == 0:
        _save(path, model, optimiser, average, step, clock, latents.scale)
        peek(job, average, latents.scale, f"few-{step:06d}", STEPS, 1.0)
    parallel.agreed(0.0)  # the others wait until the file is there
    return load_flow(job, "few.pt")


def _save(
    path: Any, model: Painterly, optimiser: Muon, average: Average, step: int, clock: store.Clock, scale: float
) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average.weights}
    store.save(path, state | {"step": step, "spent_s": clock.spent_s, "scale": scale})
