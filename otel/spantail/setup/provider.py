"""The tracer provider: a new one by the environment, and what it says of itself while the live pipeline is wired."""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

from spantail.redaction.secret_patterns import mask_secrets
from spantail.setup.prescribed_ids import PrescribedIds
from spantail.setup.sdk_internals import replace_resource
from spantail.setup.trace_exporters import component

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger: Final = logging.getLogger("spantail")

# Samplers the SDK's own TracerProvider finds by OTEL_TRACES_SAMPLER; any other name is an entry point.
_SDK_SAMPLERS: Final = frozenset(
    {
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    }
)
_made_here: Final[weakref.WeakSet[TracerProvider]] = weakref.WeakSet()


def new_provider(attributes: Mapping[str, Any], environ: Mapping[str, str]) -> TracerProvider:
    """Make a provider as the SDK's own configurator would, from the environment.

    Args:
        attributes: Resource attributes, which outrank those of the environment.
        environ: Where `OTEL_TRACES_SAMPLER`, `OTEL_PYTHON_ID_GENERATOR` and their like are looked up.
    """
    sampler_name = environ.get("OTEL_TRACES_SAMPLER", "").strip()
    sampler: Sampler | None = None
    if sampler_name and sampler_name.lower() not in _SDK_SAMPLERS:
        made = _made("opentelemetry_traces_sampler", sampler_name, environ.get("OTEL_TRACES_SAMPLER_ARG"))
        sampler = made if isinstance(made, Sampler) else None
    generator_name = environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip()
    generator: IdGenerator | None = None
    if generator_name and generator_name != "random":
        made = _made("opentelemetry_id_generator", generator_name)
        generator = made if isinstance(made, IdGenerator) else None
    # the SDK's own exit hook has no time limit; the processors added here are stopped before it runs
    provider = TracerProvider(
        sampler=sampler,
        resource=Resource.create(attributes),
        id_generator=PrescribedIds(generator or RandomIdGenerator()),
    )
    _made_here.add(provider)
    return provider


def is_made_here(provider: object) -> bool:
    """Tell whether a provider is one of `new_provider`, whose exporters are ours to wire."""
    return provider in _made_here


def _made(group: str, name: str, *args: object) -> object | None:
    factory = component(group, name)
    try:
        return factory(*args) if factory is not None else None
    except Exception as error:
        _logger.warning("%s %r could not be made, the default is used: %s", group, name, mask_secrets(str(error)))
        return None


class ResourceChange:
    """Resource attributes that a provider has for a while, from `set()` to `undo()`; neither raises.

    Args:
        provider: The provider.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._before: dict[str, Any] = {}  # None stands for an attribute that was not there
        self._set: dict[str, Any] = {}

    def set(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes over those that are there."""
        present = self._provider.resource.attributes
        for key, value in attributes.items():
            self._before.setdefault(key, present.get(key))
            self._set[key] = value
        self._replace({**present, **attributes})

    def undo(self) -> None:
        """Put back what was there before `set()`, where nobody else has set something else since."""
        attributes = dict(self._provider.resource.attributes)
        for key, value in self._set.items():
            if attributes.get(key) == value:
                attributes[key] = self._before[key]
        self._set.clear()
        self._before.clear()
        self._replace({key: value for key, value in attributes.items() if value is not None})

    def _replace(self, attributes: Mapping[str, Any]) -> None:
        present = self._provider.resource
        if dict(present.attributes) != dict(attributes):
            replace_resource(self._provider, Resource(attributes, present.schema_url))
