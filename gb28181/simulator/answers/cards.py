"""SDCardStatus: the memory cards of a device, of 2022. GB/T 28181-2022 A.2.6.16."""

from __future__ import annotations

from gb28181.manscdp.commands.sd_card import CardStatus, SdCard, SdCardResponse
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.memory import CARD_MB, Card


def answer(asked: Asked) -> Reply:
    items = tuple(_card(card, asked.now) for card in asked.memory.cards)
    response = SdCardResponse(asked.message.sn, asked.code, len(items), items)
    return Reply([asked.written(response)])


def _card(card: Card, now: float) -> SdCard:
    progress = card.progress(now)
    status = CardStatus.OK if progress is None else CardStatus.FORMATTING
    free = 0 if progress is not None else card.free_mb(now)
    return SdCard(card.number, f"sd{card.number}", status, progress or 0, CARD_MB, free)
