"""LLM calls: one span per attempt at one backend, with its tokens, its cost and its place in a fallback chain.

The attributes are those of the OpenTelemetry GenAI semantic conventions; `spantail.*` stands where they have
no name. No figure is ever made up: what is not known stays unset.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

from spantail import attributes as keys
from spantail import pricing
from spantail.budgets import BudgetError, CallHold, ReportedCall, hold_call
from spantail.llm.call_content import CallContent
from spantail.llm.estimate import RunningEstimate
from spantail.llm.measured import MeasuredCall
from spantail.llm.streamed_text import text_of
from spantail.llm.usage import Usage
from spantail.scopes.scope import Scope
from spantail.scopes.use import open_uses
from spantail.trouble import report_trouble
from spantail.values import is_said, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from opentelemetry.context import Context


class LlmCall(Scope):
    """One attempt of an LLM call at one backend; `llm_call` makes it.

    No method raises, except that entering it does where a budget does not let the call begin (`budget()`).
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        provider: str | None,
        own: Mapping[str, object],
        attributes: Mapping[str, object] | None,
        prompt: object = None,
        input_tokens: int | None = None,
        max_tokens: int | None = None,
        reported: bool = False,
    ) -> None:
        self._model = model
        self._is_reported = reported
        self._given_prompt = prompt
        self._most_input = input_tokens
        self._most_output = max_tokens
        self._provider = provider
        super().__init__(name, keys.KIND_LLM_CALL, own=own, attributes=attributes, span_kind=SpanKind.CLIENT)

    def _reset(self) -> None:
        super()._reset()
        self._usage = Usage()
        self._cost_nano: int | None = None
        self._held: CallHold | ReportedCall | None = None
        self._never_began = False
        self._chunks = 0
        self._has_uncounted_text = False
        self._is_cut_off = False
        self._content = CallContent()
        self._response_model: str | None = None
        self._started_s = 0.0
        self._estimate = RunningEstimate()
        self._measured: MeasuredCall | None = None
        self.is_wrapper = False
        """Another call began inside of it, which counts in its place."""

    def begin(self, start_ns: int | None = None) -> Context:
        """Start the attempt; see `Scope.begin`.

        Raises:
            BudgetError: A budget around it does not let it begin; its span has ended as `skipped`.
        """
        for scope, _ in open_uses(otel_context.get_current()):
            if isinstance(scope, LlmCall):
                scope.is_wrapper = True
        context = super().begin(start_ns)
        self._measured = MeasuredCall.of(context)
        self._started_s = time.perf_counter()
        if self._span.is_recording():
            # Loading the price table takes some 400 ms: while the model thinks, not when the call ends.
            pricing.preload()
        if self._given_prompt is not None:
            self.prompt(self._given_prompt)
        try:
            self._held = self._hold()
        except BudgetError as refused:
            self._never_began = True
            self.skip(str(refused))
            self.finish()
            raise
        return context

    def _hold(self) -> CallHold | ReportedCall | None:
        if is_said(self._is_reported):
            return ReportedCall()
        return hold_call(
            model=self._model,
            provider=self._provider,
            prompt=self._given_prompt,
            input_tokens=self._most_input,
            max_tokens=self._most_output,
        )

    def finish(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        """End the attempt; see `Scope.finish`. What it cost is booked in the budgets around.

        Where an error ends a stream before it told how many tokens came, nobody knows what that cost.
        """
        held, self._held = self._held, None
        measured, self._measured = self._measured, None
        outcome = self._outcome
        self._is_cut_off = error is not None and self._has_uncounted_text
        super().finish(error, end_ns)
        if measured is not None and not self.is_wrapper:
            known = {**(self._own or {}), keys.GEN_AI_RESPONSE_MODEL: self._response_model, **self._usage.counts}
            measured.ended(self._span, self.cost_nano, known, outcome, error)
        if held is not None:
            try:
                held.settle(self.cost_nano, None if self._chunks else error)
            except Exception:
                report_trouble("the cost of a call could not be booked in its budget")

    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cache_write_1h_tokens: int | None = None,
        audio_input_tokens: int | None = None,
        audio_output_tokens: int | None = None,
        audio_cache_read_tokens: int | None = None,
        image_input_tokens: int | None = None,
        image_output_tokens: int | None = None,
        image_cache_read_tokens: int | None = None,
        web_searches: int | None = None,
        file_searches: int | None = None,
        code_executions: int | None = None,
        service_tier: str | None = None,
        speed: str | None = None,
        inference_geo: str | None = None,
    ) -> None:
        """Record what this attempt used and how it was served.

        It may be called again and again: of each argument the last value counts, None leaves it as it is. All tokens
        but the first two are parts of these two. A number that is no count (negative, a fraction) is refused with a
        log line, and leaves the attempt unpriced unless `cost()` is called. What the price table has no rate for does
        so too; the reason stands in `spantail.cost.note`.

        Args:
            input_tokens: All tokens of the input, those read from and written to a cache included (GenAI semantic
                conventions). Where an API reports these apart, as Anthropic's does, add them up.
            output_tokens: All tokens of the output, reasoning included.
            cache_read_tokens: The part of the input that was read from a cache.
            cache_write_tokens: The part of the input that was written to a cache.
            reasoning_tokens: The part of the output that is reasoning.
            cache_write_1h_tokens: The part of `cache_write_tokens` that is kept for an hour.
            audio_input_tokens: The part of the input that is audio.
            audio_output_tokens: The part of the output that is audio.
            audio_cache_read_tokens: The part of both `cache_read_tokens` and `audio_input_tokens`.
            image_input_tokens: The part of the input that is images.
            image_output_tokens: The part of the output that is images.
            image_cache_read_tokens: The part of both `cache_read_tokens` and `image_input_tokens`.
            web_searches: How many web searches the provider did within the call.
            file_searches: How many searches in files or a vector store it did.
            code_executions: How many times it ran code.
            service_tier: The provider's word for its service tier: `flex`, `priority`, `batch`, …
            speed: The provider's word for its speed: `fast`.
            inference_geo: The provider's word for where it ran the model.
        """
        counts = {
            keys.GEN_AI_USAGE_INPUT_TOKENS: input_tokens,
            keys.GEN_AI_USAGE_OUTPUT_TOKENS: output_tokens,
            keys.GEN_AI_USAGE_CACHE_READ_TOKENS: cache_read_tokens,
            keys.GEN_AI_USAGE_CACHE_WRITE_TOKENS: cache_write_tokens,
            keys.GEN_AI_USAGE_REASONING_TOKENS: reasoning_tokens,
            keys.USAGE_CACHE_WRITE_1H: cache_write_1h_tokens,
            keys.USAGE_AUDIO_INPUT: audio_input_tokens,
            keys.USAGE_AUDIO_OUTPUT: audio_output_tokens,
            keys.USAGE_AUDIO_CACHE_READ: audio_cache_read_tokens,
            keys.USAGE_IMAGE_INPUT: image_input_tokens,
            keys.USAGE_IMAGE_OUTPUT: image_output_tokens,
            keys.USAGE_IMAGE_CACHE_READ: image_cache_read_tokens,
            keys.USAGE_WEB_SEARCHES: web_searches,
            keys.USAGE_FILE_SEARCHES: file_searches,
            keys.USAGE_CODE_EXECUTIONS: code_executions,
        }
        if output_tokens is not None:
            self._has_uncounted_text = False
        terms = {keys.SERVICE_TIER: service_tier, keys.SPEED: speed, keys.INFERENCE_GEO: inference_geo}
        self._write({**self._usage.set_counts(counts), **self._usage.set_terms(terms)})

    def cost(self, usd: float | Decimal, source: str = keys.SOURCE_PROVIDER) -> None:
        """Record the cost of this attempt as the backend reported it; without it the tokens are priced.

        Args:
            usd: US dollars, rounded here, once, to whole nano-USD. What is no amount (negative, not finite, a million
                or more) is refused with a log line.
            source: `provider`, or `calculated` where the caller worked it out.
        """
        nano = pricing.nano_usd(usd)
        if nano is None:
            report_trouble("a cost was refused, it is no amount in USD")
            return
        self._write_cost(nano, source)

    @property
    def cost_nano(self) -> int | None:
        """The cost in nano-USD: as reported, else by the tokens so far; None when nobody knows a price."""
        if self._cost_nano is not None:
            return self._cost_nano
        price = self._price()
        return price.nano_usd if isinstance(price, pricing.Price) else None

    @property
    def chunks(self) -> int:
        """How many chunks of a streamed answer came in."""
        return self._chunks

    def chunk(self, text: str | Sequence[object] = "", tokens: int | None = None) -> None:
        """Record that a chunk of a streamed answer came in; the first one sets the time to first chunk.

        Args:
            text: The chunk's text, or a list of content blocks (`[{"type": "text", "text": "…"}]`); kept, and shown
                while it grows, only where the environment allows message content.
            tokens: How many tokens it had, where the stream says so; they add up in `gen_ai.usage.output_tokens`.
        """
        text = text_of(text)
        written: dict[str, object] = {}
        if not self._chunks:
            written[keys.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = time.perf_counter() - self._started_s
        self._chunks += 1
        written[keys.STREAM_CHUNKS] = self._chunks
        if self._measured is not None:
            self._measured.chunk(self._span)
        if (total := self._usage.add_output(tokens)) is not None:
            written[keys.GEN_AI_USAGE_OUTPUT_TOKENS] = total
        elif text:
            self._has_uncounted_text = True
        written.update(self._content.piece(text))
        written[keys.COST_ESTIMATE_USD] = self._cost_so_far(text)
        self._write(written)

    def _cost_so_far(self, text: str) -> float | None:
        usage = self._usage
        return self._estimate.after(
            text,
            models=self._models(),
            provider=self._provider,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
        )

    def response(
        self,
        *,
        model: str | None = None,
        id: str | None = None,  # noqa: A002 - the convention's name
        finish_reasons: Sequence[str] | str | None = None,
    ) -> None:
        """Record what the answer says of itself; None leaves a value as it is.

        Args:
            model: The model that gave it, by which it is priced.
            id: The answer's id.
            finish_reasons: Why it ended, a word for each choice: `stop`, `length`, …; one word alone is one choice.
        """
        if is_said(model):
            self._response_model = model
        self._write(
            {
                keys.GEN_AI_RESPONSE_MODEL: model,
                keys.GEN_AI_RESPONSE_ID: id,
                keys.GEN_AI_RESPONSE_FINISH_REASONS: words_of(finish_reasons),
            }
        )

    def prompt(self, messages: object) -> None:
        """Record the prompt, where the environment allows message content; else only how many bytes it had.

        Args:
            messages: A text, or messages that JSON can say.
        """
        self._write(self._content.prompt(messages))
        self._estimate.prompt_bytes = self._content.prompt_bytes

    def completion(self, messages: object) -> None:
        """Record the answer, where the environment allows message content; else only how many bytes it had.

        Args:
            messages: A text, or messages that JSON can say.
        """
        self._write(self._content.completion(messages))

    def _write_cost(self, nano: int, source: str, price: pricing.Price | None = None) -> None:
        self._cost_nano = nano
        usd = pricing.usd_of_nano(nano)
        self._write(
            {
                keys.COST_USD: usd,
                keys.GEN_AI_USAGE_COST: usd,
                keys.GEN_AI_USAGE_COST_AMOUNT: usd,
                keys.GEN_AI_USAGE_COST_CURRENCY: "USD",
                keys.GEN_AI_USAGE_COST_SOURCE: source,
                keys.COST_SOURCE: source,
                keys.COST_PRICE_VERSION: price and price.version,
                keys.COST_NOTE: price and price.note,
            }
        )

    def _price(self) -> pricing.Price | pricing.Unpriced:
        if self._is_cut_off:
            return pricing.Unpriced("it was cut off before it told how many tokens its answer had")
        return self._usage.price(self._models(), self._provider)

    def _models(self) -> list[str]:
        # what answered is what is billed; an alias in the request may be in no price table
        return [model for model in (self._response_model, self._model) if model is not None and is_said(model)]

    def _before_end(self) -> None:
        if left := self._content.at_end():
            self._write(left)
        if self._cost_nano is not None or self._never_began:
            return
        price = self._price()
        if isinstance(price, pricing.Price):
            self._write_cost(price.nano_usd, keys.SOURCE_CALCULATED, price)
        else:
            self._write({keys.COST_SOURCE: keys.SOURCE_UNPRICED, keys.COST_NOTE: price.note})
