"""What "generate" means: clips and roles become orders for the queue. Knows no Qt and starts nothing."""

from dataclasses import dataclass

from otio_v2a.clip_settings import Wanted
from otio_v2a.prompts import take_seed
from otio_v2a_engine.contract import Role
from otio_v2a_ui.document import Document
from otio_v2a_ui.render_queue import Order

__all__ = ["Scope", "orders_for"]


@dataclass(frozen=True)
class Scope:
    """What is to be rendered.

    Attributes:
        clip_ids: the clips; None is all of them.
        roles: the stems; None is what each clip asks for.
        more: takes to make beyond those that are there; 0 makes what is missing.
    """

    clip_ids: tuple[str, ...] | None = None
    roles: tuple[Role, ...] | None = None
    more: int = 0


def orders_for(document: Document, scope: Scope) -> list[Order]:
    """The renders that a scope takes, in the order of the cut. Takes that are there are not made again."""
    clip_ids = scope.clip_ids
    if clip_ids is None:
        clip_ids = tuple(document.clip_id_at(at) for at in range(document.n_clips))
    orders: list[Order] = []
    for clip_id in sorted(set(clip_ids), key=document.index_of):
        span = document.span(clip_id)
        if span is None:
            continue
        for wanted in document.wanted(clip_id):
            role = wanted.prompt.role
            if not wanted.enabled if scope.roles is None else role not in scope.roles:
                continue
            options = wanted.settings.options(document.plan_options, role)
            known = document.known_hashes(clip_id, role)
            if scope.more:
                numbers = [0] * scope.more
            elif scope.clip_ids is None:
                numbers = _missing(document, clip_id, wanted)
            else:
                # Somebody pointed at it: what is there already is told by its hash, and only heard again.
                numbers = list(range(1, wanted.takes + 1))
            orders += [
                Order(
                    span=span,
                    prompt=wanted.prompt,
                    seed=wanted.seed,
                    take=number,
                    options=options,
                    known=known,
                )
                for number in numbers
            ]
    return orders


def _missing(document: Document, clip_id: str, wanted: Wanted) -> list[int]:
    """Numbers of the takes of a wish that the clip does not have."""
    held = document.held(clip_id, wanted.prompt.role)
    if held is None:
        return list(range(1, wanted.takes + 1))
    engine = wanted.settings.options(document.plan_options, wanted.prompt.role).engine_of(wanted.prompt.role)
    there = {take.seed for take in held.clip.takes if take.prompt == wanted.prompt and take.engine == engine}
    return [number for number in range(1, wanted.takes + 1) if take_seed(wanted.seed, number) not in there]
