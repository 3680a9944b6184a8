"""The meter provider that everything here is measured with: that of `configure()`, else the global one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import metrics

from spantail.version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider


class _Own:
    """The provider that `configure()` has made, which need not be the global one: that can be set only once."""

    provider: MeterProvider | None = None


_own: Final = _Own()


def use_provider(provider: MeterProvider | None) -> None:
    """Measure with this provider from now on; None means with the global one."""
    _own.provider = provider


def provider_in_use() -> MeterProvider | None:
    """Return the provider; None where there is none but the API's own, which measures nothing."""
    provider = _own.provider or metrics.get_meter_provider()
    return None if type(provider).__module__.startswith("opentelemetry.metrics") else provider


def meter_of(provider: MeterProvider) -> Meter:
    """Return the meter `spantail` of a provider."""
    return provider.get_meter("spantail", __version__)
