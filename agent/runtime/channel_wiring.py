"""Makes the keeper of each channel, and that of its derivative where the plan has one.

Guarantees: each part is made once and nothing is started. Leaves out running them (`keeper.py`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from functools import cache, partial

from agent.device.profiles import load_profiles
from agent.formats.config_tracks import DeidentifiedConfig
from agent.formats.config_v1 import AgentConfig, ChannelConfig, CustodianConfig
from agent.model.ids import ChannelId
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime.book import Book
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_keeper import ChannelKeeper
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.derivative_config import (
    MODELS_FOLDER,
    ReadPolicy,
    custodians_of,
    derived_channel,
    derived_spec,
    read_policy,
    track_of,
)
from agent.runtime.derivative_handover import media_pair
from agent.runtime.derivative_keeper import DerivativeKeeper
from agent.runtime.derivative_settings import NO_SOURCE, DerivativeSettings
from agent.runtime.load_config import channel_settings
from agent.runtime.past import ChannelPast
from agent.runtime.recordings import Derivation
from agent.runtime.tickets import TicketOffice
from agent.runtime.unrecorded import Unrecorded
from agent.runtime.zygote_client import ZygoteClient


class ChannelMaking:
    """What all channels of a box share."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        book: Book,
        clock: Clock,
        past: Mapping[ChannelId, ChannelPast],
        tickets: TicketOffice | None,
        zygote: ZygoteClient,
        log: Callable[[str], None],
    ) -> None:
        self._config = config
        self._book = book
        self._clock = clock
        self._past = past
        self._tickets = tickets
        self._zygote = zygote
        self._log = log
        self._profiles = cache(load_profiles)

    def keeper(self, channel: ChannelConfig) -> ChannelKeeper:
        """Of this channel, with its derivative's."""
        track = track_of(channel)
        tap, feed = (None, None) if track is None else media_pair()
        keeper = ChannelKeeper(
            self._channel_book(channel, self._config.custodians),
            channel_settings(self._config, channel),
            self._zygote,
            self._book,
            self._clock,
            self._log,
            self._profiles,
            tap,
        )
        if track is not None and feed is not None:
            keeper.follow(self._derivative(channel, track, keeper.channel, feed))
        return keeper

    def _derivative(
        self, channel: ChannelConfig, track: DeidentifiedConfig, original: ChannelBook, feed: socket.socket
    ) -> DerivativeKeeper:
        derived = derived_channel(channel, track)
        spec = derived_spec(channel.spec.to_spec())
        box = self._config.box

        def settings(policy: ReadPolicy) -> DerivativeSettings:
            return DerivativeSettings(
                channel=ChannelSettings(
                    channel=derived.id,
                    level=derived.level,
                    category=derived.category,
                    purpose=derived.purpose,
                    source=NO_SOURCE,
                    spec=spec,
                    segment_ns=round(self._config.segments.seconds * NS_PER_S),
                    keep_free_bytes=self._config.segments.keep_free_bytes,
                ),
                policy=policy.text,
                policy_sha256=policy.sha256,
                models=str(box.state_dir / MODELS_FOLDER),
            )

        def derivation() -> Derivation:
            return keeper.derivation()

        keeper = DerivativeKeeper(
            self._channel_book(derived, custodians_of(track), derivation),
            original,
            partial(read_policy, track, self._config.operator),
            settings,
            feed,
            self._zygote,
            self._book,
            self._clock,
            self._log,
            self._profiles,
        )
        return keeper

    def _channel_book(
        self,
        channel: ChannelConfig,
        custodians: CustodianConfig,
        derivation: Callable[[], Derivation] | None = None,
    ) -> ChannelBook:
        past = self._past.get(ChannelId(channel.id), ChannelPast())
        return ChannelBook(
            channel,
            vault=self._config.box.vault_dir,
            box=self._config.box.id,
            custodians=custodians,
            book=self._book,
            clock=self._clock,
            random=os.urandom,
            unrecorded=Unrecorded(past.end_wall_ns, past.cause),
            tickets=self._tickets,
            derivation=derivation,
        )
