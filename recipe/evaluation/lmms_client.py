# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The server as a model of lmms-eval. Imports lmms-eval, so it needs lmms-eval's environment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

import openai
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages

from recipe.evaluation.asking import Asking
from recipe.evaluation.responses import Response, ResponseFile, request_key

RETRIES = 5
REPORT_EVERY_S = 60


class ServerModel(lmms):
    """Asks the server each question once, keeps every response, and raises on a request that fails for good."""

    is_simple = False

    def __init__(self, asking: Asking, kept: ResponseFile, title: str) -> None:
        super().__init__()
        self.responses: dict[int, Response] = {}
        """By ``doc_id``, after ``generate_until``."""
        self._asking = asking
        self._kept = kept
        self._title = title
        self._client = openai.OpenAI(
            api_key="none", base_url=asking.endpoint, timeout=asking.timeout_s, max_retries=RETRIES
        )

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer N requests of one task; what was kept of an earlier run is not asked again."""
        print(
            f"{self._title}: {len(requests)} questions, {len(self._kept)} responses kept of an earlier run", flush=True
        )
        with ThreadPoolExecutor(self._asking.concurrency) as pool:
            futures = [pool.submit(self._answer, *_question(self.task_dict, request)) for request in requests]
            failed = self._first_failure(futures)
            if failed is not None:
                pool.shutdown(cancel_futures=True)
        if failed is not None:
            raise RuntimeError(
                f"a request failed: {failed}. {len(self._kept)} responses are kept: run the same command again. If it "
                "does not fit the model's context, lower --max-tokens; if the server is too slow, lower --concurrency."
            ) from failed
        answers = [future.result() for future in futures]
        # By the request's row: rows with the same prompt share one response.
        self.responses = {request.args[3]: answer for request, answer in zip(requests, answers, strict=True)}
        return [_result(answer) for answer in answers]

    def _first_failure(self, futures: Sequence[Future[Response]]) -> BaseException | None:
        """Wait for all responses, or for the first that fails, and say how far it is now and then."""
        began = said = time.monotonic()
        for done, future in enumerate(as_completed(futures), 1):
            if (error := future.exception()) is not None:
                return error
            if time.monotonic() - said > REPORT_EVERY_S:
                said = time.monotonic()
                print(f"{self._title}: {done} of {len(futures)}, {said - began:.0f} s", flush=True)
        return None

    def _answer(self, doc_id: int, messages_of: Callable[[], list[Mapping[str, object]]]) -> Response:
        request = self._asking.request(messages_of())
        key = request_key(request)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        completion = self._client.chat.completions.create(**request)
        choice = completion.choices[0]
        response = Response(
            key=key,
            doc_id=doc_id,
            text=choice.message.content or "",
            finish_reason=choice.finish_reason,
            prompt_tokens=completion.usage.prompt_tokens,
            response_tokens=completion.usage.completion_tokens,
        )
        self._kept.add(response)
        return response

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Part of lmms-eval's interface that no reasoning task uses."""
        raise NotImplementedError("reasoning tasks generate")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Part of lmms-eval's interface that no reasoning task uses."""
        raise NotImplementedError("reasoning tasks have one round")


def _question(
    datasets: Mapping[str, Mapping[str, Sequence[object]]], request: Instance
) -> tuple[int, Callable[[], list[Mapping[str, object]]]]:
    """A request's row number, and what makes its messages: pictures are encoded only when their turn comes."""
    _, doc_to_messages, _, doc_id, task, split = request.args

    def messages() -> list[Mapping[str, object]]:
        parts = doc_to_messages(datasets[task][split][doc_id])
        return ChatMessages(messages=parts).to_openai_messages()

    return doc_id, messages


def _result(response: Response) -> GenerationResult:
    counts = TokenCounts(input_tokens=response.prompt_tokens, output_tokens=response.response_tokens)
    return GenerationResult(text=response.text, token_counts=counts)
